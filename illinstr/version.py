"""The version of this package, known below every room."""

__version__ = "0.1.0"
