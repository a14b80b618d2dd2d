"""The embedded target: a small Kubernetes API whose pods are real local processes."""
