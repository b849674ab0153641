"""The HTTP surface: blueprints over runs, documents and search."""
