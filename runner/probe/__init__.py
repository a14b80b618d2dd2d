"""Prober: the world in, samples out."""
