"""The libraries beside ours: how each is asked for what a row measures, in its own layout."""
