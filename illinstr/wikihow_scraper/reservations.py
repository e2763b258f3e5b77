"""The directives by which a page or a server speaks against the use of its content in data sets.

The index directives speak to search engines, but many sites have nothing else to say it with; they bind when a page is
fetched, not when its owner hands in a saved copy.
"""

from __future__ import annotations

_RESERVED_WORDS = "noai noimageai noml noimageml tdm-reservation noindex noimageindex none"
RESERVATIONS = frozenset(_RESERVED_WORDS.split())
INDEX_ONLY = frozenset({"noindex", "noimageindex", "none"})
IMAGES_ONLY = frozenset({"noimageai", "noimageml", "noimageindex"})
