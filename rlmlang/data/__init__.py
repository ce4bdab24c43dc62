"""Data of common forms as inputs of programs: `read_value` gives one value, and `rows` a table row by row.

Libraries for single forms come with the extra `rlmlang[data]`, and are imported when a file of their form is read.
"""

from rlmlang.data.reading import read_value, rows
from rlmlang.data.tables import Table

__all__ = ["Table", "read_value", "rows"]
