"""Holding a model to the language: constraints, token masks, grammar texts for servers."""
