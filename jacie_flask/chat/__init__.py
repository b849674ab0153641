"""What answers a question: the pipelines and their steps."""
