"""Sample melodies in the public domain, as MIDI files; `write_samples` made them."""
