"""Built-in functions and methods: Python's own names with Python's own meaning, and text work."""

# The table, and with it the language card, has the rows in the order of these imports.
# isort: off
from rlmlang.language.builtins import number_functions
from rlmlang.language.builtins import sequence_functions
from rlmlang.language.builtins import conversions
from rlmlang.language.builtins import special_forms
from rlmlang.language.builtins import text
from rlmlang.language.builtins import text_methods
from rlmlang.language.builtins import container_methods

# isort: on
from rlmlang.language.builtins.table import BUILTINS, METHODS, Bounds, Builtin, Parameter, Signature, SpecialForm

__all__ = [
    "BUILTINS", "METHODS", "Bounds", "Builtin", "Parameter", "Signature", "SpecialForm",
    "container_methods", "conversions", "number_functions", "sequence_functions", "special_forms", "text",
    "text_methods",
]  # fmt: skip
