"""Keep answers and runs across processes."""
