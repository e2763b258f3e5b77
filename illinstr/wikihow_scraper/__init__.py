"""From how-to pages to articles: fetch politely, parse, clean, and hand over to the shards."""
