"""Room of the house; see its modules."""
