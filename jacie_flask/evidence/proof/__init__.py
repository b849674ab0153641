"""Whether a page proves a sentence: each figure with its unit, sign, row and year, each quote word for word."""
