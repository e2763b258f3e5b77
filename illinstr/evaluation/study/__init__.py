"""The study with human raters: its page, the votes, the scores."""
