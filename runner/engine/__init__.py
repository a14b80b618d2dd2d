"""The run: load, survey, plan, baseline, inject while probing and guarding, undo, scan, recover, judge, record."""
