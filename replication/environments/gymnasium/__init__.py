"""Tasks of Gymnasium: the simulator, and how an agent is shown it."""
