"""Rows of a data set on many machines, by Ray."""
