"""Pumba on a Docker host: containers killed, paused, slowed down, pressed and cut from their packets."""
