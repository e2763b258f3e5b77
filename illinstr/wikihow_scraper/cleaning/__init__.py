"""Which articles and images are kept, and why the others are not."""
