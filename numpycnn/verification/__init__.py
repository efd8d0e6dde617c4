"""Two implementations side by side: scaled errors, and where they first differ."""
