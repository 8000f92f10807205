"""The machine that trains: its devices and what fits on them."""
