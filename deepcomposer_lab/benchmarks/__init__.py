"""Benchmarks: one module a technique. Each prints figures beside the floors that anything must beat."""
