"""The arithmetic of plans: operands found in the books, formulas evaluated over them, and amounts as text."""
