"""stress-ng on the machine that the run is on: processors, memory, disk."""
