"""A cart with a pole that falls."""
