"""What other languages, older Python and other runtimes call things, and what to write here instead.

Hints are found only where they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS, MODULES
from rlmlang.language.check.problems import Hint, closest
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DequeType,
    DictType,
    ListType,
    OpenTupleType,
    SetType,
    TupleType,
    Type,
    base_of,
    item_type,
)

MODULES_INSTEAD = {
    "datetime": "split the text, as in `y, m, d = map(int, text.split('-'))`, and compute with numbers",
    "csv": "split the lines: `[line.split(',') for line in text.splitlines()]`",
    "io": "declare an input for text, and use `text.splitlines()`",
    "enum": "write `Literal['a', 'b']` as the type, and texts as values",
    "random": "programs have no randomness; take a number as an input",
    "time": "programs have no clock; take the time as an input",
    "os": "programs have no files; declare an input for text",
    "pathlib": "programs have no files; declare an input for text",
    "collections.namedtuple": "write a record: `class Name:` with `name: type` on each line",
    "collections.OrderedDict": "write a dict, which keeps the order of its keys",
    "operator.attrgetter": "write a lambda: `key=lambda x: x.name`",
    "functools.cmp_to_key": "write a key: `key=lambda x: …`",
    "json.loads": "declare an input of its type, such as `rows: list[dict[str, str]]`, which is read from JSON",
    "json.load": "declare an input of its type, such as `rows: list[dict[str, str]]`, which is read from JSON",
    "itertools.count": "write `for i in range(n, sys.maxsize):`, and leave the loop with `break`",
    "itertools.starmap": "write a list: `[f(a, b) for a, b in pairs]`",
    "itertools.cycle": "write `xs[i % len(xs)]`",
    "sys.exit": "return the value, or raise an error",
    "sys.argv": "declare an input: `name: str`",
    "sys.stdin": "declare an input: `text: str`",
    "sys.stderr": "write `print(x)`",
    "sys.stdout": "write `print(x)`",
}
"""What to write in the place of modules, and of names of modules, that programs in Python often use."""

_LOOKED_UP = "every name is known before the program runs: write `x.name`, or a dict for names that are data"
_NO_METHODS = "records have no methods: take the record as a parameter"

_NAMES = {
    "open": "programs cannot read files; declare an input: `document: str`",
    "input": "declare an input: `question: str`",
    "raw_input": "declare an input: `question: str`",
    "eval": "text is not evaluated; see `run_program`",
    "exec": "text is not evaluated; see `run_program`",
    "type": "every type is known before the program runs; see `isinstance`",
    "iter": "loop over the list itself, or over a part: `for x in xs[1:]:`",
    "llm_query": 'write `CALL("instruction", …)`',
    "call": 'write `CALL("instruction", …)`',
    "Literal": "it is a type: write a value, or `CALL[Literal[…]](…)` for an answer that is one of them",
    "exit": "return the value, or raise an error",
    "quit": "return the value, or raise an error",
    **dict.fromkeys(("null", "nil", "undefined", "none", "NULL"), "write `None`"),
    **dict.fromkeys(("true", "TRUE"), "write `True`"),
    **dict.fromkeys(("false", "FALSE"), "write `False`"),
    **dict.fromkeys(("length", "strlen"), "write `len(x)`"),
    **dict.fromkeys(("unicode", "String", "toString"), "write `str(x)`"),
    **dict.fromkeys(("long", "parseInt"), "write `int(x)`"),
    **dict.fromkeys(("parseFloat", "Number"), "write `float(x)`"),
    "Boolean": "write `bool(x)`",
    "xrange": "write `range(n)`",
    "unichr": "write `chr(n)`",
    **dict.fromkeys(("hasattr", "getattr", "setattr", "vars", "dir", "globals", "locals"), _LOOKED_UP),
    **dict.fromkeys(("self", "this", "super"), _NO_METHODS),
    **dict.fromkeys(("console", "printf", "println", "puts", "echo"), "write `print(x)`"),
    **dict.fromkeys(("np", "numpy", "pd", "pandas"), "write lists, and `sum`, `math` and `statistics`"),
}
"""What to write instead of names that Python or other languages and runtimes have."""


def unknown_name(name: str, known: Iterable[str]) -> Hint:
    """Return a hint at what was meant by a name that is not bound: a known one, or one to import."""

    def hint() -> str | None:
        instead = _NAMES.get(name) or MODULES_INSTEAD.get(name) or _import_of(name, name in MODULES)
        if instead is not None and (name in _NAMES or name in MODULES or name[0].isupper()):
            return instead
        if (near := closest(name, known, 0.7)) is not None:
            return f"did you mean `{near}`?"
        foreign = closest(name, _NAMES, 0.8) if len(name) > 4 else None
        return instead or (_NAMES[foreign] if foreign is not None else None)

    return hint


def _import_of(name: str, is_module: bool) -> str | None:
    """Return the import that binds a name, if there is one. Letters, such as `math.e`, are names of variables."""
    if is_module:
        return f"write `import {name}` before it"
    module = next((module for module, members in MODULES.items() if name in members and len(name) > 1), None)
    return f"write `from {module} import {name}` before it" if module is not None else None


TYPES = {
    **dict.fromkeys(("string", "String", "char", "text"), "str"),
    **dict.fromkeys(("integer", "Integer", "long", "number"), "int"),
    **dict.fromkeys(("double", "Double", "decimal", "Decimal"), "float"),
    **dict.fromkeys(("boolean", "Boolean", "Bool"), "bool"),
    **dict.fromkeys(("array", "Array", "vector", "Vector"), "list"),
    **dict.fromkeys(("object", "map", "Map", "hash", "HashMap", "OrderedDict", "defaultdict", "Counter"), "dict"),
    **dict.fromkeys(("void", "null", "NoneType"), "None"),
    **dict.fromkeys(("any", "var", "auto"), "Any"),
}
"""The names of types in other languages, and those that come nearest here."""

# Methods -------------------------------------------------------------------------

_OF_ALL = {
    **dict.fromkeys(("length", "size", "len", "count"), "len({x})"),
    **dict.fromkeys(("contains", "includes", "has", "has_key", "containsKey"), "y in {x}"),
    **dict.fromkeys(("empty", "isEmpty", "is_empty"), "not {x}"),
    **dict.fromkeys(("toString", "to_s"), "str({x})"),
    **dict.fromkeys(("forEach", "each"), "for y in {x}:"),
    "map": "[f(y) for y in {x}]",
    "filter": "[y for y in {x} if f(y)]",
    "reduce": "reduce(f, {x})",
    "concat": "{x} + y",
    "join": '", ".join({x})',
    **{name: f"{name}({{x}})" for name in ("sum", "max", "min", "sorted", "reversed", "enumerate", "any", "all")},
}
_OF_TEXTS = {
    **dict.fromkeys(("toLowerCase", "downcase"), "{x}.lower()"),
    **dict.fromkeys(("toUpperCase", "upcase"), "{x}.upper()"),
    **dict.fromkeys(("trim", "chomp"), "{x}.strip()"),
    **dict.fromkeys(("substring", "substr", "slice"), "{x}[i:j]"),
    **dict.fromkeys(("charAt", "at"), "{x}[i]"),
    **dict.fromkeys(("charCodeAt", "ord"), "ord({x})"),
    "indexOf": "{x}.find(y)",
    **dict.fromkeys(("append", "add", "push"), "{x} += y"),
    **dict.fromkeys(("encode", "decode"), "{x}"),
    "reverse": "{x}[::-1]",
    "sort": '"".join(sorted({x}))',
    "isnumber": "{x}.isdigit()",
}
_OF_LISTS = {
    **dict.fromkeys(("push", "push_back", "add"), "{x}.append(y)"),
    **dict.fromkeys(("concat", "addAll", "update"), "{x}.extend(ys)"),
    "indexOf": "{x}.index(y)",
    "find": "{x}.index(y)",
    "shift": "{x}.pop(0)",
    "unshift": "{x}.insert(0, y)",
    "slice": "{x}[i:j]",
    "get": "{x}[i]",
    "delete": "{x}.remove(y)",
    "unique": "unique({x})",
    "split": "[part for y in {x} for part in y.split()]",
    **dict.fromkeys(("items", "keys"), "enumerate({x})"),
    "sort_values": "sorted({x})",
}
_OF_DICTS = {
    "iteritems": "{x}.items()",
    "iterkeys": "{x}.keys()",
    "itervalues": "{x}.values()",
    "sort": "sorted({x}.items())",
    "remove": "del {x}[key]",
    "delete": "del {x}[key]",
    **dict.fromkeys(("append", "add", "put", "set", "insert"), "{x}[key] = value"),
}
_OF_SETS = {
    **dict.fromkeys(("append", "push", "insert"), "{x}.add(y)"),
    **dict.fromkeys(("extend", "addAll"), "{x}.update(ys)"),
    "delete": "{x}.discard(y)",
    "sort": "sorted({x})",
    "index": "sorted({x}).index(y)",
}
_TO_LISTS = dict.fromkeys(METHODS["list"], "list({x})")


def unknown_attribute(node: nodes.Attribute, type_: Type, names: Iterable[str]) -> Hint:
    """Return a hint at what was meant by an attribute or a method that a type does not have."""

    def hint() -> str | None:
        if type_ == NONE:
            return GIVES_NONE
        text = node.value.span.text
        value = text if len(text) <= 20 and text.isidentifier() else "x"
        if (form := _form(node.name, base_of(type_))) is not None:
            return f"write `{form.replace('{x}', value)}`"
        if (near := closest(node.name, names)) is not None:
            return f"did you mean `{near}`?"
        if isinstance(type_, DictType) and type_.key == STR:
            return f'write `{value}["{node.name[:40]}"]`'
        return None

    return hint


def _form(name: str, type_: Type) -> str | None:
    """Return what is written for a method that values of a type do not have."""
    if type_ in (INT, FLOAT, BOOL):
        return f"str({{x}}).{name}(…)" if name in METHODS["str"] else _OF_ALL.get(name) if name == "toString" else None
    match type_:
        case ListType() | DequeType():
            own = _OF_LISTS
        case DictType():
            own = _OF_DICTS
        case SetType():
            own = _OF_SETS
        case TupleType() | OpenTupleType():
            own = _TO_LISTS
        case _:
            own = _OF_TEXTS if type_ == STR else {}
    if not own:
        return None
    if name not in own and name in METHODS["str"] and name not in _OF_ALL and item_type(type_) == STR != type_:
        return f"[y.{name}(…) for y in {{x}}]"
    return own.get(name) or _OF_ALL.get(name)


# Values --------------------------------------------------------------------------

GIVES_NONE = "what changes a value, such as `xs.append(x)` or `xs.sort()`, gives None: write it as a statement"


def answer_hint(node: nodes.Expr, needed: Type) -> str | None:
    """Return a hint at the type of a CALL that is answered by a text where another type is needed."""
    if isinstance(node, nodes.Call) and node.type is None and base_of(needed) in (INT, FLOAT, BOOL):
        return f"write `CALL[{base_of(needed)}](…)` for an answer of this type"
    return None


def not_indexed(node: nodes.Index, type_: Type) -> str | None:
    """Return a hint at what to write instead of an index of a value that has none."""
    match base_of(type_):
        case SetType():
            return "a set has no order: write `sorted(xs)[i]`"
        case base if base in (INT, FLOAT, BOOL):
            return "for a digit, write `str(x)[i]`"
        case base if base == NONE:
            return GIVES_NONE
    return None
