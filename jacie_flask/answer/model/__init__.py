"""The language model's part of an answer: prompt, hygiene of its text, and the guard over its sentences."""
