"""Exact answers: one function an operator, from a computed plan to sentences and small tables."""
