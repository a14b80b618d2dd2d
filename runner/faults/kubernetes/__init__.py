"""Kubernetes as a system that is broken: targets, proof of effect, undo, residue and locks."""
