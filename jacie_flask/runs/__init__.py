"""The live run: its log, its reader and its frames."""
