"""wikiHow pages of every layout since 2005."""
