"""One queue of long trainings, worked off from a clone of its own."""
