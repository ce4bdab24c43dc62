"""Text with values filled in: `text % values` and `text.format(…)`, with the formats that f-strings have.

Both read their template while the program runs, so that a mistake in it is a run error. Neither looks into values:
there is no `{0.name}` or `{0[1]}`, by which Python reads attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Any

from rlmlang.errors import RunError
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value

MAX_FORMAT_WIDTH = 1_000
"""The largest width and precision of a format."""

_F_STRING = "an f-string is checked before the program runs"


# text.format(…) ------------------------------------------------------------------


def formatted(meter: Meter, template: str, values: Sequence[Value], named: Mapping[str, Value]) -> str:
    """Return `template.format(*values, **named)`. Raises RunError E301, E302, E304."""
    meter.text(len(template))
    parts: list[str] = []
    numbers = 0
    numbered: set[bool] = set()
    for text, name, spec, conversion in _fields(template):
        parts.append(text)
        if name is None:
            continue
        head = re.split(r"[.[]", name, maxsplit=1)[0]
        if not head or head.isdecimal():
            numbered.add(bool(head))
            if len(numbered) > 1:
                raise RunError.of("E304", "the template numbers some of its fields, and some not", hint=_F_STRING)
        if head:
            value = _field(head, values, named)
        else:
            value, numbers = _field(str(numbers), values, named), numbers + 1
        if head != name:
            raise RunError.of("E304", f"the field {name!r:.60} is neither a number nor a name", hint=_F_STRING)
        if conversion is not None:
            if conversion not in ("r", "s"):
                raise RunError.of("E304", f"there is no conversion `!{conversion}`", hint="write `!r` or `!s`")
            meter.walk(value)
            value = repr(value) if conversion == "r" else str(value)
        parts.append(_shown(meter, value, spec or ""))
        meter.charge(1 + len(parts[-1]) // 16)
    meter.text(sum(map(len, parts)))
    return "".join(parts)


def _fields(template: str) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    """Yield the texts and fields of a template in order: what is wrong behind a field is found after its value.

    Programs catch the error that Python raises first. Raises RunError E304.
    """
    try:
        yield from Formatter().parse(template)
    except ValueError as error:
        raise RunError.of("E304", f"the template of `format` is malformed: {error}", hint=_F_STRING) from None


def _field(name: str, values: Sequence[Value], named: Mapping[str, Value]) -> Value:
    """Return the argument with the number or name of a field. Raises RunError E301, E302."""
    if name.isdecimal():
        if len(name) < 9 and int(name) < len(values):
            return values[int(name)]
        raise RunError.of("E301", f"the template has a field {name[:9]}, and `format` has {len(values)} values")
    if name in named:
        return named[name]
    hint = None if name.isidentifier() else "write `{{` and `}}` for braces in the text"
    raise RunError.of("E302", f"the template has a field {name!r:.60}, which `format` is not given", hint=hint)


def _shown(meter: Meter, value: Value, spec: str) -> str:
    if not spec:
        if not isinstance(value, str):
            meter.walk(value)
        return str(value)
    _check_width(spec)
    try:
        if not isinstance(value, (str, int, float)):
            raise ValueError("only str, int and float have formats")
        if spec.endswith("c"):
            raise ValueError("write `chr(…)`")
        return with_format(value, spec)
    except ValueError as error:
        raise RunError.of("E304", f"the format {spec!r:.60} does not fit: {error}", hint=_F_STRING) from None


def with_format(value: Value, spec: str) -> str:
    """Return the text of a value in a format. Raises RunError E306 for an int that is too large for a float."""
    try:
        return format(value, spec)
    except OverflowError:
        raise RunError.of("E306", _TOO_LARGE) from None


_TOO_LARGE = "a number is too large for its format"


def _check_width(spec: str) -> int:
    """Return the sum of the numbers in a format. Raises RunError E304 if one is too large."""
    digits = re.findall(r"[0-9]+", spec)
    if any(len(each) > 4 or int(each) > MAX_FORMAT_WIDTH for each in digits):
        raise RunError.of("E304", f"the format width exceeds {MAX_FORMAT_WIDTH:,}")
    return sum(map(int, digits))


# text % values -------------------------------------------------------------------

_CONVERSION = re.compile(r"%(?:\((\w*)\))?([-+ #0]*)(\d*)(?:\.(\d*))?(.?)", re.DOTALL)


def filled(meter: Meter, template: str, values: Value) -> str:
    """Return `template % values`. Raises RunError E302, E304."""
    given = values if isinstance(values, tuple) else (values,)
    count = 0
    size = len(template)
    for found in _CONVERSION.finditer(template):
        key, _, width, precision, kind = found.groups()
        if kind == "%":
            continue
        if kind not in _KINDS:
            raise RunError.of("E304", f"`{found[0]}` is no conversion of `%`", hint=_F_STRING)
        size += _check_width(f"{width}.{precision or 0}")
        if key is not None:
            value = _of_key(values, key)
        else:
            if count >= len(given):
                raise RunError.of("E304", "there are fewer values than conversions in the text")
            value = given[count]
            count += 1
        _check(meter, value, kind)
    if count < len(given) and not isinstance(values, (dict, list)):
        raise RunError.of("E304", "there are more values than conversions in the text")
    meter.text(size)
    try:
        text: str = template % values
    except OverflowError:
        raise RunError.of("E306", _TOO_LARGE) from None
    except (ValueError, TypeError) as error:
        raise RunError.of("E304", f"the values do not fit the text: {error}", hint=_F_STRING) from None
    meter.text(len(text))
    return text


_KINDS = frozenset("sradiouxXeEfFgGc")


def _of_key(values: Value, key: str) -> Value:
    if not isinstance(values, dict):
        raise RunError.of("E304", f"`%({key})` needs a dict on the right")
    if key not in values:
        raise RunError.of("E302", f"the dict has no key {key!r:.60}")
    return values[key]


def _check(meter: Meter, value: Any, kind: str) -> None:
    """Charge for showing a value. Raises RunError E304 if it is none that the conversion can show."""
    if kind in "sra":
        meter.walk(value)
    elif kind == "c":
        if not isinstance(value, str):
            raise RunError.of("E304", "`%c` needs a character", hint="write `chr(…)`")
    elif not isinstance(value, (int, float)) or (kind in "oxX" and isinstance(value, float)):
        what = "an int" if kind in "oxX" else "a number"
        raise RunError.of("E304", f"`%{kind}` needs {what}, not {value!r:.40}")
