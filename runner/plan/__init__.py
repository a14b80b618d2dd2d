"""Plan: what exactly will happen, printable and hashable, before anything does."""
