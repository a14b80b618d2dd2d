"""Figures of finished runs: what a Prometheus and a collector really receive."""
