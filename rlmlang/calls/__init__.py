"""Everything that happens around one CALL: its prompt, its key, its budget, and how its answer is read."""
