"""The only door to Chaos Toolkit: worker, undoer, ledger and supervisor."""
