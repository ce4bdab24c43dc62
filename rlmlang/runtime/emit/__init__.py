"""Compile what cannot wait for an answer to Python code.

Expressions, blocks of statements and functions that make no CALL and print nothing become Python functions, built
as `ast` nodes and compiled. They charge the same steps and raise the same errors as the closures (`compiler.py`),
which run everything else and are the reference (decision 98).

What is emitted is safe by construction. No text of a program or a model reaches `compile`: names are generated, texts
are passed as globals, the kinds of nodes and the names of attributes are closed lists (`python.py`), and there are no
built-ins but those that `unit.py` gives.
"""
