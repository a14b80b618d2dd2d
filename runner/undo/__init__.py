"""The one way back: rollbacks and undo records played after a run, after a crash, and from disk."""
