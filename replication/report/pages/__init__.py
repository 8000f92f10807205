"""The page of an experiment, the index of all, the READMEs."""
