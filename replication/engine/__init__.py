"""Training: lanes, learners, the loop of each family, checkpoints."""
