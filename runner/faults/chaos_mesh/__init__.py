"""Chaos Mesh: faults as objects of a cluster that its controller injects, and puts back by their duration or when they are deleted."""
