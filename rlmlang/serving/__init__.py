"""Serve models, programs and runs over HTTP (`rlmlang serve`)."""
