"""From pages to shards: crawl, shard tasks, attribution, card."""
