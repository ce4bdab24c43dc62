"""Read JSON strictly: no NaN, no repeated keys, bounded depth and integers.

Answers of models and inputs of programs are read here. A reader that guesses would hide their mistakes.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from rlmlang.runtime.values import MAX_INT_BITS, Mismatch

MAX_JSON_DEPTH = 100
"""How deep brackets may nest."""

_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?"?|[\[{]|[\]}]', re.DOTALL)
_MAX_DIGITS = len(str(2**MAX_INT_BITS))


def parse_json(text: str, raw_breaks: bool = False) -> Any:
    """Return the JSON data in a text. Raises Mismatch, whose message is a clause about the text.

    With `raw_breaks`, strings may contain line breaks and other control characters as they are.
    """
    _check_depth(text)
    try:
        return (_decoder_of_raw_breaks if raw_breaks else _decoder).decode(text.strip())
    except json.JSONDecodeError as error:
        # A text that does not even begin like JSON is prose; there a place would say nothing.
        where = f": {error.msg} at character {error.pos + 1}" if error.pos else ""
        raise Mismatch(f"it is not JSON{where}") from None


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return
    depth = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise Mismatch(f"it is more than {MAX_JSON_DEPTH} brackets deep")
        elif found[0] in "]}":
            depth -= 1


def _read_int(digits: str) -> int:
    if len(digits) <= _MAX_DIGITS + 1 and (value := int(digits)).bit_length() <= MAX_INT_BITS:
        return value
    raise Mismatch(f"it contains an integer of more than {MAX_INT_BITS:,} bits")


def _read_float(digits: str) -> float:
    value = float(digits)
    if math.isfinite(value):
        return value
    raise Mismatch(f"it contains a number too large for a float: {digits[:40]}")


def _refuse_constant(name: str) -> None:
    raise Mismatch(f"it is not JSON: {name} is no number of JSON")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise Mismatch(f"the key {json.dumps(repeated[:40], ensure_ascii=False)} is repeated")
    return data


def _decoder_for(raw_breaks: bool) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_read_object,
        parse_int=_read_int,
        parse_float=_read_float,
        parse_constant=_refuse_constant,
        strict=not raw_breaks,
    )


_decoder = _decoder_for(raw_breaks=False)
_decoder_of_raw_breaks = _decoder_for(raw_breaks=True)
