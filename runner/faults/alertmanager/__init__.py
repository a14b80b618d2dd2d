"""Alertmanager as a system that is changed for a run: silences and drill alerts."""
