"""Extractive answers: the statements of the pages that answer a question."""
