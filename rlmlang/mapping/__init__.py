"""A program run on every row of a data set: its rows bound, run, scored, written and compared."""
