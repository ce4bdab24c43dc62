"""Built-in functions and methods: Python's own names with Python's own meaning, and text work."""

from rlmlang.language.builtins import container_methods, python, text, text_methods
from rlmlang.language.builtins.table import BUILTINS, METHODS, Bounds, Builtin, Parameter, Signature, SpecialForm

__all__ = [
    "BUILTINS", "METHODS", "Bounds", "Builtin", "Parameter", "Signature", "SpecialForm",
    "container_methods", "python", "text", "text_methods",
]  # fmt: skip
