"""Pure functions over text: terms, chunks, labels and figures; no I/O."""
