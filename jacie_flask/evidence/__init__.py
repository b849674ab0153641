"""What answers rest on: the books of companies, and the pages that prove a figure."""
