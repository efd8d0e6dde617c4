"""What the tests are written with: drawn cases and the rules of agreement. Tested by test_library.py."""
