"""rlmlang: a small typed language for recursive language model programs."""
