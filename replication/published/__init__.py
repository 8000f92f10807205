"""Numbers of papers, with their sources."""
