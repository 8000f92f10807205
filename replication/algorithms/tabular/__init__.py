"""Tables of action values."""
