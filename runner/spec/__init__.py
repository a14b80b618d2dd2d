"""Experiment: a file, parsed once with its places, validated whole, every finding in one pass."""
