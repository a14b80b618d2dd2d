"""Telling others (a room for later work)."""
