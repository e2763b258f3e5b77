"""What is measured: definitions, scores, statistics."""
