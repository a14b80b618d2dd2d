"""A run's folder, and who may read and write what in it: paths, names, the undo ledger, the inbox."""
