"""Music to arrays and back: each scheme in one file, both directions."""
