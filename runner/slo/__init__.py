"""Service level arithmetic: samples in, verdicts and aborts out. Pure: no clock, no file, no network."""
