"""Telling others what a run does: an outbound edge that nothing waits for."""
