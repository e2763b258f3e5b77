"""Articles and pages that lie on disk already: saved pages, archives, tables, JSON lines."""
