"""What chaos-run promises, one sentence a test."""
