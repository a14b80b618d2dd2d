"""Metrics and traces (a room for later work)."""
