"""The rules for imports, and for what modules have."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.builtins import MODULES, Builtin, ModuleConstant, module_member
from rlmlang.language.check.annotations import TYPING_NAMES
from rlmlang.language.check.body import bound_name
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.habits import MODULES_INSTEAD
from rlmlang.language.check.inference import Inference
from rlmlang.language.check.problems import did_you_mean
from rlmlang.language.check.scope import ModuleEntry, ScopeEntry, Variable
from rlmlang.language.source import Span
from rlmlang.language.types import UNKNOWN, DictType, ListType, SetType, Type, parts_of

IGNORED = ("typing", "__future__", "dataclasses")
"""Modules that mean nothing to the values of a program."""

DECORATORS = {"functools": ("cache", "lru_cache"), "dataclasses": ("dataclass",)}
"""The decorators that change no value of a program, by module: functions are pure, and records are data."""


_FIELD = ("dataclasses", "field")
"""What says how the default of a field is made."""


def import_(check: Inference, node: nodes.Import) -> None:
    """Check an import, and bind its names."""
    for imported in node.names:
        name = bound_name(imported)
        if imported.name in DECORATORS.get(node.module or "", ()) or (node.module, imported.name) == _FIELD:
            check.names.typing[name.id] = f"{node.module}.{imported.name}"
        elif node.module == "typing":
            _import_type(check, imported, name)
        elif node.module in IGNORED:
            pass
        elif node.module is not None:
            check.names.bind(name, _member(check, node, node.module, imported))
        elif imported.name in IGNORED:
            check.names.typing[f"{name.id}."] = ""
        else:
            check.names.bind(name, _module(check, imported))


def decorators(check: Inference, node: nodes.Function | nodes.Record, module: str) -> None:
    """Check the decorators of a definition, which are those of one module."""
    for each in node.decorators:
        called = each.callee if isinstance(each, nodes.Apply) else each
        match called:
            case nodes.Name(id=name):
                known = check.names.typing.get(name, "")
            case nodes.Attribute(value=nodes.Name(id=name), name=attribute):
                known = f"{module}.{attribute}" if _is_module(check, name, module) else ""
            case _:
                known = ""
        if known not in [f"{module}.{name}" for name in DECORATORS[module]]:
            listed = " and ".join(f"`@{name}`" for name in DECORATORS[module])
            hint = f"those of {module} are: {listed}" if known or isinstance(node, nodes.Record) else _UNDECORATED
            check.problems.error("E116", "this decorator is not in the language", each.span, hint)


def is_field(check: Inference, node: nodes.Expr) -> bool:
    """Return whether an expression is `field` of dataclasses."""
    match node:
        case nodes.Name(id=name):
            return check.names.typing.get(name) == ".".join(_FIELD)
        case nodes.Attribute(value=nodes.Name(id=name), name="field"):
            return _is_module(check, name, _FIELD[0])
    return False


_UNDECORATED = "omit it, or apply the function where its result is used; `@cache` of functools is allowed"


def refuse_results(check: Inference, function: CheckedFunction, is_in_loop: bool) -> None:
    """Report a function under `@cache` whose results cannot be kept as Python does, which makes it anew in a loop.

    A parameter whose values cannot be looked up is one: Python raises TypeError.
    """
    for param, type_ in zip(function.node.params, function.params):
        if any(isinstance(part, (ListType, DictType, SetType)) for part in parts_of(type_)):
            message = f"a function under `@cache` cannot take {type_}"
            hint = "give it a tuple, or read the value from the function around it"
            check.problems.error("E116", message, param.span, hint)
    if is_in_loop and (function.reads or function.prints):
        message = "a function under `@cache` cannot be defined in a loop if it prints or reads variables outside of it"
        hint = "define it before the loop and give it what it reads, or in a function that the loop applies"
        check.problems.error("E116", message, function.node.name.span, hint)


def _is_module(check: Inference, name: str, module: str) -> bool:
    entry = check.names.find(name)
    return (
        f"{name}." in check.names.typing
        if module in IGNORED
        else isinstance(entry, ModuleEntry) and entry.name == module
    )


def _import_type(check: Inference, imported: nodes.Imported, name: nodes.Name) -> None:
    if imported.name == "*":
        check.names.typing.update((each, each) for each in TYPING_NAMES)
    elif imported.name in TYPING_NAMES:
        check.names.typing[name.id] = imported.name
    else:
        hint = did_you_mean(imported.name, TYPING_NAMES, f"it has {', '.join(list(TYPING_NAMES)[:12])}, …")
        check.problems.error("E113", f"`typing` has no `{imported.name}` here", imported.span, hint)


def _module(check: Inference, imported: nodes.Imported) -> ScopeEntry:
    if imported.name in MODULES:
        return ModuleEntry(imported.name)
    _no_module(check, imported.name, imported)
    return Variable(UNKNOWN, imported.span)


def _member(check: Inference, node: nodes.Import, module: str, imported: nodes.Imported) -> ScopeEntry:
    member = module_member(module, imported.name)
    if isinstance(member, Builtin) and member.changes and imported.alias is not None:
        hint = f"write `from {module} import {imported.name}`"
        check.problems.error("E113", "a function that changes a list keeps its name", imported.span, hint)
    if member is not None:
        return member
    if module not in MODULES:
        _no_module(check, module, node)
    elif imported.name == "*":
        check.problems.error("E113", "import names one by one", imported.span, f"it has {_listed(module)}")
    else:
        no_member(check, module, imported.name, imported.span)
    return Variable(UNKNOWN, imported.span)


def _no_module(check: Inference, module: str, node: nodes.Import | nodes.Imported) -> None:
    listed = f"modules are {', '.join(MODULES)}"
    hint = MODULES_INSTEAD.get(module) or did_you_mean(module, MODULES, listed)
    check.problems.error("E113", f"there is no module `{module}`", node.span, hint)


def no_member(check: Inference, module: str, name: str, span: Span) -> Type:
    """Report that a module does not have a name."""
    hint = MODULES_INSTEAD.get(f"{module}.{name}") or did_you_mean(name, MODULES[module], f"it has {_listed(module)}")
    return check.problems.error("E113", f"`{module}` has no `{name}` here", span, hint)


def _listed(module: str) -> str:
    names = list(MODULES[module])
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def member_of(check: Inference, node: nodes.Attribute) -> Builtin | ModuleConstant | ModuleEntry | None:
    """Return what a module has under the name of an attribute; the module, if it has no such name.

    None if the value is not a module.
    """
    if not isinstance(node.value, nodes.Name):
        return None
    entry = check.names.find(node.value.id)
    if not isinstance(entry, ModuleEntry):
        return None
    return module_member(entry.name, node.name) or entry
