"""Experiment: a file, parsed once with its places, validated whole, every finding in one pass.

`load.load(path)` gives the `Experiment` that the rest of the program works with, or raises `errors.InvalidFile` with every
error shown at its place; `load.examine(path)` gives the findings themselves. Only this package reads YAML (`source.read`).
"""
