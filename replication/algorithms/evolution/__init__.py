"""Search in the space of a policy's weights: candidates, their returns, and what is drawn next."""
