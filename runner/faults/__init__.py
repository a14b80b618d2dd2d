"""Fault systems: one folder each, behind the protocol in driver.py; nothing above knows one by name."""
