"""What others read: citations, tables as data packages, verdicts for the card of a model."""
