"""Training from a replay memory of vectors, by values of a few actions."""
