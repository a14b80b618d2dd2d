"""Litmus as a fault system: faults that its operator runs, one ChaosEngine a run."""
