"""Packets of the machine that the run is on: lost (nft), slowed down (tc), delayed (NFQUEUE); in its own or a named network namespace."""
