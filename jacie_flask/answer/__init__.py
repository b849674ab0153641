"""What answers: computed figures, statements of the filings, and the model's words."""
