"""What a form of data is: how files of it are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table


@frozen
class DataForm:
    """How files of one form are read."""

    name: str
    """What messages call it, such as `CSV`."""
    text: Callable[[DataPlace], str]
    """Gives the file as one text, for inputs of type `str`."""
    rows: Callable[[DataPlace], Table] | None = None
    """Gives the file as a table; None where it has no rows."""
    data: Callable[[DataPlace], Any] | None = None
    """Gives the file as any data, such as an object of JSON; None where it has none but text or rows."""
    by_type: bool = False
    """Whether its text is that of a value as it is written on a command line: JSON, or itself for `str`."""
