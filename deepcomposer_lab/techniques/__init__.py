"""Techniques: what a person chooses. Music in, music out; encode, ask the model, decode."""
