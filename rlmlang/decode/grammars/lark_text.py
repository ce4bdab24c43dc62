"""Make grammar texts for engines that take a grammar: `grammar/rlm.lark`, reduced to one constraint.

The text contains the names, attributes and types that exist, but not how they fit together; what a model writes is
checked as a whole. Whole programs, bodies, comprehensions and lambdas bind names of their own, so any name may be
used there. So a program that checks is not refused, if it is written as the formatter writes it, with every statement
of one line on one line, and with comments only where `rules.line_ends` has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.grammars.ebnf import ebnf_from_lark
from rlmlang.decode.grammars.rules import Rules, blocks, line_ends, reaching, rules, terminals, used
from rlmlang.decode.grammars.spaces import with_spaces
from rlmlang.errors import ModelError
from rlmlang.language.builtins import BUILTINS, METHODS, NUMBER_METHODS, STATIC
from rlmlang.language.builtins.table import MODULES
from rlmlang.language.check import library_names
from rlmlang.language.check.annotations import TYPE_NAMES
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.check.scope import Variable
from rlmlang.language.source import Source
from rlmlang.language.types import RecordType, Type

GrammarDialect = Literal["llguidance", "lark", "ebnf", "gbnf"]

_CALL = '["[" type "]"] "(" [arguments] ")"'
_LOOSE = "open_"
"""The prefix of rules in which any name may be used."""


def grammar_text(constraint: Constraint, dialect: GrammarDialect) -> str:
    """Return the grammar of what a constraint allows, as a text for an engine.

    `llguidance` has a first line by which llama.cpp recognizes it, and else equals `lark`; `ebnf` and `gbnf` are equal.
    Raises ModelError E400 if llguidance rejects the text, and ProgramError if the constraint's program does not check.
    """
    found = _rules(constraint)
    if dialect in ("ebnf", "gbnf"):
        return ebnf_from_lark(_text(found) + "%ignore / +/\n")
    return _for_llguidance(_text(with_spaces(found)), dialect)


def answer_text(type_: Type, dialect: GrammarDialect) -> str:
    """Return the grammar of an object that holds an answer of the type (`AnswerFormat.read` reads it).

    Raises ModelError E400 if llguidance refuses the text.
    """
    text = AnswerFormat.of(type_).object_grammar
    return ebnf_from_lark(text) if dialect in ("ebnf", "gbnf") else _for_llguidance(text, dialect)


def _for_llguidance(text: str, dialect: GrammarDialect) -> str:
    from llguidance import LLMatcher

    if problem := LLMatcher.validate_grammar(text):
        raise ModelError.of("E400", f"llguidance rejects the grammar: {problem}")
    return f"%llguidance {{}}\n{text}" if dialect == "llguidance" else text


def _text(found: Rules) -> str:
    return "".join(f"{name}: {body}\n" for name, body in found.items())


def _rules(constraint: Constraint) -> Rules:
    """Return the rules and terminals of what a constraint allows."""
    begun = constraint.beginning or _begun(constraint)
    in_body = constraint.within
    found = rules()
    if not constraint.calls:
        found["postfix"] = found["postfix"].replace(f' | "CALL" {_CALL}', "")
    prefix = ""
    if constraint.unit != "program":
        found = _with_known_names(found)
        prefix = _LOOSE
    found |= blocks(int(in_body), prefix)
    declares = in_body or (constraint.unit == "program" and not constraint.program.strip())
    found["first_simple"] = _first(found["simple"], in_body, declares)
    if not in_body:
        found["statement0"] += ' | "class" NAME ":" [_NL1 note] (_NL1 field [_NL1 note])+'
    found |= {"start": _start(constraint), **terminals(), **line_ends(), **_names(begun)}
    return used({"start": found.pop("start"), **found})


def _begun(constraint: Constraint) -> Beginning:
    """Return the program so far, checked. Raises ProgramError."""
    if constraint.within:
        return Beginning.of_function(Source(f"{constraint.program}    pass\n"))  # it may have no body yet
    return Beginning.of(Source(constraint.program))


def _start(constraint: Constraint) -> str:
    """Return what is written, with its last line end. In a function, its lines have the indentation of the body."""
    if constraint.unit == "call":
        return _CALL
    if constraint.within:
        return f'"    " {"block1" if constraint.unit == "program" else "statement1"} _END'
    if constraint.unit == "statement":
        return "statement0 _END"
    return '[block0 _NL0] (expr | "def" NAME "(" [params] ")" ["->" type] ":" suite1) _END'


def _first(simple: str, in_body: bool, declares: bool) -> str:
    """Return the statements that may stand outside of all other blocks."""
    left_out = ["break", "continue"] if in_body else ["break", "continue", "return"]
    options = [
        option for option in simple.split(" | ") if not option.startswith(tuple(f'"{word}"' for word in left_out))
    ]
    return " | ".join(option for option in options if declares or not option.startswith('NAME ":"'))


def _with_known_names(found: Rules) -> Rules:
    """Return the rules twice: with the names that are known, and with the prefix, with any names.

    The names in the first iterable of a comprehension are known, since it is evaluated outside of it.
    """
    copied = reaching(found, "atom") | {"atom", "type", "type1", "type_arg"} | reaching(found, "type")
    word = re.compile(rf"(?<![\"\w])({'|'.join(copied)})(?![\"\w])")
    loose = {f"{_LOOSE}{name}": word.sub(rf"{_LOOSE}\1", found[name]) for name in copied}
    strict = dict(found)
    strict["atom"] = re.sub(
        r"\b(expr|pair) for_clause clause\*", rf"{_LOOSE}\1 for_clause {_LOOSE}clause*", strict["atom"]
    ).replace("NAME", "KNOWN", 1)
    for name in ("arguments", "argument"):  # a generator may be one of them
        strict[name] = strict[name].replace("expr for_clause clause*", f"{_LOOSE}expr for_clause {_LOOSE}clause*")
    strict["lambda_"] = strict["lambda_"].replace('":" expr', f'":" {_LOOSE}expr')
    strict["simple"] = strict["simple"].replace("target AUGMENTED", '(KNOWN | postfix "[" key "]") AUGMENTED')
    strict["type1"] = strict["type1"].replace("dotted", '(TYPE | NAME "." NAME)')
    for each in (strict, loose):
        for name in each:
            if name.endswith("postfix"):
                each[name] = each[name].replace('"." NAME', '"." ATTRIBUTE')
    return strict | loose


def _names(begun: Beginning) -> Rules:
    """Return the terminals of the names, attributes and types that exist."""
    records = begun.checked.records
    types = [entry.type for entry in begun.entries.values() if isinstance(entry, Variable)]
    tables = (*METHODS.values(), *NUMBER_METHODS.values(), *STATIC.values())
    attributes = [name for methods in tables for name in methods]
    attributes += [name for members in MODULES.values() for name in members]
    for type_ in (*records.values(), *types):
        if isinstance(type_, RecordType):
            attributes += [name for name, _ in type_.fields]
    typing = [name for name in begun.typing if name.isidentifier()]  # not the module, which is before a dot
    return {
        "KNOWN": _either([*begun.entries, *records, *BUILTINS, *library_names()]),
        "ATTRIBUTE": _either(attributes),
        "TYPE": _either([*(name for name in TYPE_NAMES if name != "None"), *typing, *records]),
    }


def _either(names: Iterable[str]) -> str:
    return " | ".join(f'"{name}"' for name in dict.fromkeys(names))
