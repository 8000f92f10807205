"""The mathematics: one file for each algorithm, in the folder of its family."""
