"""Programs full of aliasing mean what CPython says, as far as they are allowed."""

from __future__ import annotations

from hypothesis import assume, given, note, settings

from rlmlang.api import compile
from rlmlang.errors import ProgramError, RunError
from tests.support.aliasing import aliasing_programs
from tests.support.oracle import ERRORS
from tests.support.values_in_python import Endless, in_python

CODES = {error.__name__: codes for error, codes in ERRORS.items()}

many = settings(max_examples=20_000 if settings.default.max_examples > 1_000 else 2 * settings.default.max_examples)


@many
@given(aliasing_programs())
def test_what_is_allowed_means_what_python_says(text: str) -> None:
    note(text)
    try:
        program = compile(text)
        expected = in_python(text)
    except (ProgramError, Endless):
        assume(False)
    try:
        found = repr(program.run().value)
    except RunError as error:
        assert error.first.code in CODES[expected]
    else:
        assert found == expected
