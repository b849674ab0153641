"""Where filings come from and how they become text."""
