"""Istio as a fault system: faults that a VirtualService has the callers' proxies inject."""
