"""One queue for long trainings: worked off from a clone of its own, outside the work tree."""
