"""The matter: notes, melodies, piano rolls and compositions as frozen values, and their files."""
