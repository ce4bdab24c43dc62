"""Grammar texts for engines that take a grammar in place of a token mask."""
