"""The house itself: its size, its order, and whether its papers are true."""
