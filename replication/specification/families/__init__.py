"""The settings of each family of algorithms."""
