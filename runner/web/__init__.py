"""Console and API (a room for later work)."""
