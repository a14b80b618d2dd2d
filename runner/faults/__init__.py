"""Chaos Toolkit activities of our own (the catalogue's rooms; filled by later work)."""
