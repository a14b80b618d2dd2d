"""The ready checks: what an operations guide watches, as values: what is read, when it is bad, and how serious that is."""
