"""Keep answers and runs in a database that several processes may share."""
