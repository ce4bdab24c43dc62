"""Models on servers."""
