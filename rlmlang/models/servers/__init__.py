"""The backends of models on servers, one module for each wire format.

To add one, start from `anthropic.py`, the smallest with a format of its own; the protocol is in `models/base.py`. It
gets a row in `models/registry.py`, tests against `tests/support/fake_server.py`, and its place in the tables of
`docs/backends.md`.
"""
