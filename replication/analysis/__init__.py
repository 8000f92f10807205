"""From the files of finished runs to scores, intervals and verdicts. Pure functions; no torch."""
