"""Conversion: what another tool runs, as an experiment of ours, with an account of every field that did not survive.

A converter reads a document through `fields.Field`, which notes what became of each value; what no converter took is reported as lost.
"""
