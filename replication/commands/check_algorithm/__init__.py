"""Check an algorithm's file against what the training loop expects of it."""
