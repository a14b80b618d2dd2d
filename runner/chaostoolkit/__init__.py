"""The only door to Chaos Toolkit: the worker that runs a method, and what its activities are given."""
