"""The article as people read it: page, strip, PDF."""
