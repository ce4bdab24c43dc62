"""The search for lexemes that complete an unfinished line such that it checks; `search.py` is the way in."""
