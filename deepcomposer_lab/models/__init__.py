"""Models: trained networks with their cards. Loading runs no code from a file; see `registry`."""
