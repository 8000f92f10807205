"""Training on rollouts of many actors."""
