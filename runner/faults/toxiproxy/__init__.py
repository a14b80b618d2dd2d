"""Toxiproxy as a fault system: slow, narrow and broken connections through a proxy that the team already has."""
