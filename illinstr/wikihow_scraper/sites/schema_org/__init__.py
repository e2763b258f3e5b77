"""Pages that carry their steps as schema.org data: ``HowTo`` and ``Recipe`` in JSON-LD, microdata or RDFa."""
