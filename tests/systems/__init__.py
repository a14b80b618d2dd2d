"""Fault systems as they really are, from ../shared/systems, in a state folder of their own; skipped where they are not to be had."""
