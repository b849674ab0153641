"""Facts of filings: tables as values, the concepts that their rows name, and the checks that they pass."""
