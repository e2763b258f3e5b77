"""One module a site: which pages are its, and how a page becomes articles."""
