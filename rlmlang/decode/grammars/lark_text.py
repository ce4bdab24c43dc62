"""Make grammar texts for engines that take a grammar: `grammar/rlm.lark`, reduced to one constraint.

The text contains the names, attributes and types that exist, but not how they fit together; what a model writes is
checked as a whole. Bodies of functions, which bind new names, and whole programs may use any name.
"""

from __future__ import annotations

import re
from typing import Literal

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.grammars.ebnf import ebnf_from_lark
from rlmlang.decode.lines import beginning
from rlmlang.errors import ModelError
from rlmlang.files import grammar_text as whole_grammar
from rlmlang.language.builtins import BUILTINS, METHODS
from rlmlang.language.check import library_names
from rlmlang.language.check.annotations import TYPE_NAMES
from rlmlang.language.check.scope import Variable
from rlmlang.language.types import Type

GrammarDialect = Literal["llguidance", "lark", "ebnf", "gbnf"]

_RULE = re.compile(r"^\??([a-z_0-9]+):.*\n(?:[ ]+.*\n)*", re.MULTILINE)
_STARTS = {
    "program": "start: (binding | record | function)* value",
    "statement": "start: binding | record | function | value",
    "call": 'start: ["[" type "]"] "(" [arguments] ")"',
}
_BINDER = '/[a-z][a-z0-9]?/ | "item" | "line" | "name" | "page" | "part" | "text" | "word"'
"""The names that a comprehension or a lambda can bind."""


def grammar_text(constraint: Constraint, dialect: GrammarDialect) -> str:
    """Return the grammar of what a constraint allows, as a text for an engine.

    `llguidance` has a first line by which llama.cpp recognizes it, and else equals `lark`; `ebnf` and `gbnf` are equal.
    Raises ModelError E400 if llguidance rejects the text, and ProgramError if the constraint's program does not check.
    """
    return _in_dialect(_lark(constraint), dialect)


def answer_text(type_: Type, dialect: GrammarDialect) -> str:
    """Return the grammar of an object that holds an answer of the type (`AnswerFormat.read` reads it).

    Raises ModelError E400 if llguidance refuses the text.
    """
    return _in_dialect(AnswerFormat.of(type_).object_grammar, dialect)


def _in_dialect(text: str, dialect: GrammarDialect) -> str:
    if dialect in ("ebnf", "gbnf"):
        return ebnf_from_lark(text)
    from llguidance import LLMatcher

    if problem := LLMatcher.validate_grammar(text):
        raise ModelError.of("E400", f"llguidance rejects the grammar: {problem}")
    return f"%llguidance {{}}\n{text}" if dialect == "llguidance" else text


def _lark(constraint: Constraint) -> str:
    text = re.sub(r"(?m)^ *//.*\n", "", whole_grammar())
    text = re.sub(r"(?m) +-> \w+ *$|^\?", "", text)
    rules = {match[1]: match[0] for match in _RULE.finditer(text)}
    rules["atom"] = rules["atom"].replace("INT | FLOAT | ", "")
    rules["power"] = 'power: (postfix | INT | FLOAT) ["**" factor]\n'  # numbers have no attributes
    if not constraint.calls:
        rules["postfix"] = re.sub(r'.*"CALL".*\n', "", rules["postfix"])
    open_rules = dict(rules)
    if constraint.unit != "program":
        rules["atom"] = rules["atom"].replace("NAME", "KNOWN", 1)
        rules["postfix"] = rules["postfix"].replace('"." NAME', '"." ATTRIBUTE')
        rules["type1"] = rules["type1"].replace("NAME", "TYPE", 1)
    expressions = [name for name in rules if name in _below(rules, "expr")]
    renamed = re.compile(rf"\b({'|'.join(expressions)})\b")
    out = [_STARTS[constraint.unit]]
    for name, rule in rules.items():
        if name not in ("start", "statement", "input"):
            out.append(renamed.sub(r"open_\1", rule) if name in ("local", "function", "params", "param") else rule)
    out += [renamed.sub(r"open_\1", open_rules[name]) for name in expressions]
    out.append(_terminals(constraint, text))
    return _used("\n".join(line.rstrip() for line in "\n".join(out).split("\n") if line.strip()) + "\n")


def _below(rules: dict[str, str], start: str) -> set[str]:
    """Return the rules that one rule leads to, itself included."""
    found, todo = {start}, [start]
    while todo:
        for name in re.findall(r"\b[a-z_0-9]+\b", rules[todo.pop()].partition(":")[2]):
            if name in rules and name not in found:
                found.add(name)
                todo.append(name)
    return found - {"type", "type1", "type_arg"}


def _terminals(constraint: Constraint, text: str) -> str:
    """Return the terminals. A line ends with one character, so that the engine stops there."""
    environment = beginning(constraint).point.base
    records = list(environment.records)
    names = [name for name, entry in environment.entries.items() if name not in records]
    fields = [name for record in environment.records.values() for name, _ in record.fields]
    attributes = [name for methods in METHODS.values() for name in methods]
    used = [entry.type for entry in environment.entries.values() if isinstance(entry, Variable)]
    fields += [name for type_ in used for name, _ in getattr(type_, "fields", ())]
    known = dict.fromkeys([*names, *records, *BUILTINS, *library_names()])
    terminals = "".join(re.findall(r"(?m)^[A-Z_]+: .*\n", text))
    terminals = re.sub(r"(?m)^_NL: .*$", r"_NL: /\\n/", terminals)
    terminals = re.sub(r"(?m)^_IN: .*$", r"_IN: /\\n    /", terminals)
    return (
        f"{terminals}KNOWN: {_either(known)} | {_BINDER}\n"
        f"ATTRIBUTE: {_either(dict.fromkeys([*attributes, *fields]))}\n"
        f"TYPE: {_either(dict.fromkeys([*(name for name in TYPE_NAMES if name != 'None'), *records]))}\n"
        "%ignore / +/\n"
    )


def _either(names: dict[str, None]) -> str:
    return " | ".join(f'"{name}"' for name in names)


def _used(text: str) -> str:
    """Remove rules and terminals that nothing leads to, which llguidance and others reject."""
    while True:
        heads = re.findall(r"(?m)^([A-Za-z_0-9]+):", text)
        idle = [head for head in heads if head != "start" and len(re.findall(rf"\b{head}\b", text)) < 2]
        if not idle:
            return text
        for head in idle:
            text = re.sub(rf"(?m)^{head}:.*\n(?:[ ]+.*\n)*", "", text)
