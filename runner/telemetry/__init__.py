"""The figures of a finished run for other people's monitoring: Prometheus metrics, and a trace drawn from its timeline."""
