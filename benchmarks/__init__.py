"""How long things take beside others, measured in one run: `python -m benchmarks`."""
