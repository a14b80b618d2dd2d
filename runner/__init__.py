"""chaos-run: others inject; this runner proves."""
