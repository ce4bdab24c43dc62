"""Record the events of a run, and read, compare, export and show them."""
