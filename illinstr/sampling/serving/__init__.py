"""``illinstr serve``: the workshop that makes articles one after another, and the small web page in front of it."""
