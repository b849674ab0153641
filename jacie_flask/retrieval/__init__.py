"""Finding the right page: indexes, embedders and the one ranker."""
