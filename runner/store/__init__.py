"""Record: what is kept of the runs, in SQLite by default."""
