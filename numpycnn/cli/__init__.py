"""One command, `numpycnn`: a file for each of its sub-commands, and what they share."""

from numpycnn.cli.main import app

__all__ = ["app"]
