"""Alerts: a team's own alert pipeline, read over HTTP; one module a system, one small protocol."""
