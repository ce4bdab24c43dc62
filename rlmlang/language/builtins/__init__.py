"""Built-in functions and methods: Python's own names with Python's own meaning, and text work."""

from rlmlang.language.builtins import methods, python, text
from rlmlang.language.builtins.table import BUILTINS, METHODS, Builtin, Parameter, Signature

__all__ = ["BUILTINS", "METHODS", "Builtin", "Parameter", "Signature", "methods", "python", "text"]
