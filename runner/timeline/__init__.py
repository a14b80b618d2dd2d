"""What happened when: events, marks on two clocks, the times to detect and to recover, and the record of one run."""
