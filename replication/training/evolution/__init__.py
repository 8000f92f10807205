"""Search by whole episodes, each played by one candidate."""
