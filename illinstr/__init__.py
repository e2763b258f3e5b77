"""Illustrated instructions: a goal goes in, an article of steps in words and pictures comes out.

Importing this package loads neither torch nor the network; each room imports what it needs when it is used.
"""

__version__ = "0.1.0"
