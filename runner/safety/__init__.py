"""May we? The policy, the contexts it knows, and the lock on the target."""
