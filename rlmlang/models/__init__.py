"""Models: the protocol that all backends keep, and the backends themselves."""
