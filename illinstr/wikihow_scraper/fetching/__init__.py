"""Fetching pages and images: politeness, robots.txt, opt-outs, the cache."""
