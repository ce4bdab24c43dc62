"""Models by name. Backends are imported only when they are opened."""
