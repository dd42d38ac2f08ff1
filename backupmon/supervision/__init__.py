"""Everything in one terminal: the parts of a server, started, watched, and stopped together."""
