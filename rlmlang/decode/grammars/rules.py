"""The rules of `grammar/rlm.lark` in the form that engines want: blocks by plain rules, operators on one level.

The parser needs to know which operator binds tighter, and a mask does not. Blocks in the file are written for LALR.
"""

from __future__ import annotations

import re

from rlmlang.files import grammar_text
from rlmlang.language.parse.layout import MAX_BLOCKS

Rules = dict[str, str]
"""By name, what follows the colon of a rule."""

_RULE = re.compile(r"^\??([a-z_0-9]+):(.*\n(?:[ ]+.*\n)*)", re.MULTILINE)
_REPLACED = re.compile(
    r"start|(?:block|open|tried|looped|above|suite)\d+|(?:not|and)_test|bit_\w+|shift|sum|product|factor|power"
)

_FLAT: Rules = {
    "or_test": 'comparison | or_test ("and" | "or") comparison',
    "comparison": 'compared | "not" comparison',
    "compared": 'operation | operation (compare_op operation)+ | operation "is" ["not"] ("None" | "True" | "False")',
    "operation": "signed | operation operator signed",
    "signed": "postfix | INT | FLOAT | sign signed",  # numbers have no attributes
    "operator": '"+" | "-" | "*" | "/" | "//" | "%" | "**" | "<<" | ">>" | "&" | "^" | "|"',
    "sign": '"-" | "+" | "~"',
}


def rules() -> Rules:
    """Return the rules for what is on one line: statements and heads of statements, types and expressions."""
    text = re.sub(r"(?m)^ *//.*\n| +-> \w+ *$", "", grammar_text())
    found = {name: " ".join(body.split()) for name, body in _RULE.findall(text) if not _REPLACED.fullmatch(name)}
    found = {name: re.sub(r"\bbit_or\b", "operation", body) for name, body in found.items()}
    found["atom"] = found["atom"].replace("INT | FLOAT | ", "")
    found["head"] = f"{found.pop('loop')} | {found['head']}"
    found["simple"] = found["simple"].replace(' | "@" postfix', "")  # a decorator needs a function below it
    return found | _FLAT


def terminals() -> Rules:
    """Return the terminals, but for the line ends."""
    return dict(re.findall(r"(?m)^([A-Z][A-Z_]*): +(.*)\n", grammar_text()))


def blocks(first: int, inner: str) -> Rules:
    """Return the rules for statements with bodies at the level `first` and all below it.

    The first level is written with the rules `first_simple`, `head` and so on; bodies with those of the prefix `inner`.
    """
    found: Rules = {}
    for k in range(first, MAX_BLOCKS + 1):
        body = f"suite{k + 1}" if k < MAX_BLOCKS else f"{inner}simple"
        simple, outer = ("first_simple", "") if k == first else (f"{inner}simple", inner)
        found[f"statement{k}"] = (
            f'{simple} | {outer}head ":" {body} | "if" {outer}expr ":" {body}'
            f' (_NL{k} "elif" {inner}expr ":" {body})* [_NL{k} "else" ":" {body}]'
            f' | "try" ":" {body} (_NL{k} handler ":" {body})+'
        )
        found[f"block{k}"] = f"statement{k} | block{k} _NL{k} statement{k}"
        if k > first:
            found[f"suite{k}"] = f"_NL{k} block{k} | {inner}simple"
    return found


def line_ends() -> Rules:
    """Return the terminals of line ends: `_NL0` and so on before another line, `_END` after the last one.

    A few blank lines and comments may come before the next line. If there could be any number of them, a small model
    would write them for ever. Comments behind a statement would make masks slow.
    """
    margins = ["    " * k for k in range(MAX_BLOCKS + 1)]
    ends = {f"_NL{k}": rf"/\n(({margin}#[^\n]*)?\n){{0,3}}{margin}/" for k, margin in enumerate(margins)}
    return ends | {"_END": r"/\n/"}


def reaching(rules: Rules, goal: str) -> set[str]:
    """Return the rules that lead to a rule or terminal, however far, without the goal itself."""
    found: set[str] = set()
    grows = True
    while grows:
        grows = False
        for name, body in rules.items():
            if name not in found and any(word == goal or word in found for word in re.findall(r"\w+", body)):
                found.add(name)
                grows = True
    return found


def used(rules: Rules, start: str = "start") -> Rules:
    """Return the rules and terminals that one leads to: engines refuse others."""
    found, todo = {start}, [start]
    while todo:
        for name in re.findall(r"\w+", re.sub(r'"(?:\\.|[^"\\])*"|/(?:\\.|[^/\\])+/', "", rules[todo.pop()])):
            if name in rules and name not in found:
                found.add(name)
                todo.append(name)
    return {name: body for name, body in rules.items() if name in found}
