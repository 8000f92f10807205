"""Training of an actor of continuous actions and its critics from a replay memory of vectors."""
