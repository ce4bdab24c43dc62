"""Put the spaces between lexemes into the terminals, as llguidance needs it.

With `%ignore / +/`, a line could be indented further than it should be, words could run together (`x iny`), since
llguidance looks only for terminals that may follow, and a model could write spaces for ever. So operators, brackets
and words carry the spaces around them: at most one, which may be left out unless a word would touch another.
"""

from __future__ import annotations

import re

from rlmlang.decode.grammars.rules import Rules
from rlmlang.language.parse.tables import RESERVED

_FOLLOWED = [
    (re.compile(pattern), spaced)
    for pattern, spaced in (
        (r'"(return|lambda)" \[(\w+)\]', r'("\1" | "\1 " \2)'),
        (r'"raise" \[(NAME .*?\])\]', r'("raise" | "raise " \1)'),
        (r'"except" \[errors \["as" NAME\]\]', '("except" | "except " errors [" as " NAME])'),
        (r'dotted "import"', 'dotted " import "'),
        (r'"not" "in"', '" not in "'),
        (r'"is" \["not"\]', '(" is " | " is not ")'),
    )
]
"""Words with what may follow them, and therefore with a space only if that does."""

_STATEMENTS = re.compile(r"statement\d|\w*simple|\w*head|handler")
_PREFIXES = re.compile(r"sign|\w*(?:item|argument|imported|type_arg|any_target|dict_part)")
"""The rules in which `*` and `-` stand before something, and not between two things."""

_BETWEEN = re.compile(r'"(and|or|in|as|if|else|for)"')
_BEFORE = re.compile(r'"(not|if|elif|for|while|def|class|assert|import|from|del)"')
_SIGN = re.compile(r'"([^\w" ]+)"')


def with_spaces(rules: Rules) -> Rules:
    """Return rules and terminals that allow the spaces which the others skip."""
    found = {name: body if name.isupper() else _spaced(name, body) for name, body in rules.items()}
    if "NAME" in found:
        found["NAME"] += f" & ~/{'|'.join(sorted(RESERVED))}/"
    if "AUGMENTED" in found:
        found["AUGMENTED"] = f"/ ?({found['AUGMENTED'][1:-1]}) ?/"
    return found


def _spaced(name: str, body: str) -> str:
    for words, spaced in _FOLLOWED:
        body = words.sub(spaced, body)
    words_between = body.replace('"in"', '" in "') if _STATEMENTS.fullmatch(name) else _BETWEEN.sub(r'" \1 "', body)
    body = _BEFORE.sub(r'"\1 "', words_between)
    before = "**-+~" if _PREFIXES.fullmatch(name) else ""
    return _SIGN.sub(lambda match: match[0] if match[1] in before else _sign(match), body)


def _sign(match: re.Match[str]) -> str:
    sign = match[1]
    if sign in (".", "..."):
        return match[0]
    pattern = re.escape(sign).replace("/", r"\/")
    return f"/{'' if sign in '([{' else ' ?'}{pattern}{'' if sign in ')]}' else ' ?'}/"
