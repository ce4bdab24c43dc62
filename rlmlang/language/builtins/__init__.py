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
from rlmlang.language.builtins import changing_methods
from rlmlang.language.builtins import statement_forms
from rlmlang.language.builtins import math_module
from rlmlang.language.builtins import other_modules
from rlmlang.language.builtins import re_module
from rlmlang.language.builtins import queues
from rlmlang.language.builtins import small_modules

# isort: on
from rlmlang.language.builtins.table import (
    BUILTINS,
    METHODS,
    MODULES,
    NUMBER_METHODS,
    STATIC,
    SYNTAX,
    Bounds,
    Builtin,
    ModuleConstant,
    Parameter,
    Signature,
    SpecialForm,
    module_member,
)  # fmt: skip

__all__ = [
    "BUILTINS", "METHODS", "MODULES", "NUMBER_METHODS", "STATIC", "SYNTAX",
    "Bounds", "Builtin", "ModuleConstant", "Parameter", "Signature", "SpecialForm",
    "changing_methods", "container_methods", "conversions", "math_module", "module_member", "number_functions",
    "other_modules", "queues", "re_module", "sequence_functions", "small_modules", "special_forms", "statement_forms",
    "text", "text_methods",
]  # fmt: skip
