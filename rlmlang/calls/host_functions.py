"""Functions of the host: what whoever runs a program hands in for the functions that it declares.

    @rlmlang.function(version="2", timeout=10)
    def lookup(key: str) -> str: ...

    program.run(functions={"lookup": lookup})

Any function may be handed in; `function` says more about one. It is taken as pure unless it is `volatile`: equal calls
are one call, and a store keeps the result under the name and the version of the function (decision 114). The version is
made of its source text, unless one is given.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import lru_cache, partial
from reprlib import repr as shown
from types import CodeType
from typing import Any, Union, get_type_hints, overload

from attrs import field, frozen

from rlmlang.annotations import has_objects, meaning, type_of_annotation
from rlmlang.calls.prompt import FUNCTION, HostHead
from rlmlang.errors import UsageError
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction
from rlmlang.language.literal_text import escaped
from rlmlang.language.types import Type

TIMEOUT = 60.0
"""Seconds that one call may take, unless its function says otherwise."""


@frozen(eq=False)
class HostFunction:
    """A function of the host, and how it is to be called. Called itself, it is the function."""

    code: Callable[..., Any]
    version: str = field()
    """Part of the key of kept results: another one whenever the same arguments may give another result."""
    is_volatile: bool = False
    """Whether each evaluation is a call of its own, since equal calls may differ."""
    timeout: float = TIMEOUT
    """Seconds that one call may take."""

    @version.default
    def _(self) -> str:
        return _version_of_source(self.code)

    def __attrs_post_init__(self) -> None:
        if not callable(self.code):
            raise UsageError.of("E607", f"a function of the host is a function, not {shown(self.code)}")
        if not isinstance(self.version, str):
            raise UsageError.of("E607", f"the version of a function is text, not {shown(self.version)}")
        if not isinstance(self.is_volatile, bool):
            raise UsageError.of("E607", f"volatile is True or False, not {shown(self.is_volatile)}")
        if type(self.timeout) not in (int, float) or not 0 < self.timeout < float("inf"):
            raise UsageError.of("E607", f"the timeout of a function is a number of seconds, not {shown(self.timeout)}")

    def own(self, args: list[Any]) -> list[Any]:
        """Return arguments as the annotations of the function have them: objects of its classes in place of dicts.

        Raises UsageError E611 for one that does not fit.
        """
        if not (classes := _classes(self.code)):
            return args
        from rlmlang.structuring import structured  # imported here, since few programs need cattrs

        return [structured(arg, classes[place]) if place in classes else arg for place, arg in enumerate(args)]

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.code(*args, **named)


@overload
def function(code: Callable[..., Any], /) -> HostFunction: ...


@overload
def function(
    *, version: str | None = None, volatile: bool = False, timeout: float = TIMEOUT
) -> Callable[[Callable[..., Any]], HostFunction]: ...


def function(
    code: Callable[..., Any] | None = None,
    /,
    *,
    version: str | None = None,
    volatile: bool = False,
    timeout: float = TIMEOUT,
) -> HostFunction | Callable[[Callable[..., Any]], HostFunction]:
    """Say how a function of the host is to be called; a decorator, with options or without.

    `version` is to be another one whenever the same arguments may give another result, since results are kept by it; by
    default it is made of the source text of the function, so that one that was edited is called again. Of a `volatile`
    function nothing is kept, and each evaluation is a call of its own. A call ends after `timeout` seconds.
    Raises UsageError E607.
    """
    if code is not None:
        return HostFunction(code)
    known = {} if version is None else {"version": version}
    return lambda code: HostFunction(code, is_volatile=volatile, timeout=timeout, **known)


def _version_of_source(function: object) -> str:
    """Return the version of a function by its source text; `1` where Python has none, as for what is typed into it."""
    while isinstance(function, partial):
        function = function.func
    with suppress(ValueError):  # of wrappers in a circle
        function = inspect.unwrap(function)  # type: ignore[arg-type]
    method = function if hasattr(function, "__code__") else vars(type(function)).get("__call__")
    code = getattr(method, "__code__", None)
    return _source_version(code) if isinstance(code, CodeType) else "1"


@lru_cache(maxsize=1_000)
def _source_version(code: CodeType) -> str:
    try:
        text = inspect.getsource(code)
    except Exception:  # OSError where there is none, and errors of the tokenizer for parts of a file that was edited
        return "1"
    return f"source {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _classes(code: Callable[..., Any]) -> dict[int, Any]:
    """Return the annotations that are, or hold, classes of fields, by the places of their parameters."""
    try:
        types = get_type_hints(code if hasattr(code, "__annotations__") else type(code).__call__)
        names = inspect.signature(code).parameters
    except Exception:  # of annotations that name what is not there, and of functions of which nothing is known
        return {}
    return {place: types[name] for place, name in enumerate(names) if name in types and has_objects(types[name])}


FunctionsLike = Mapping[str, Union[HostFunction, Callable[..., Any]]]
"""Functions of the host by the names by which programs declare them."""


def host_functions(given: FunctionsLike | None) -> dict[str, HostFunction]:
    """Return the functions that are given by their names. Raises UsageError E607."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise UsageError.of("E607", f"functions is a mapping from names to functions, not {shown(given)}")
    return {name: each if isinstance(each, HostFunction) else HostFunction(each) for name, each in given.items()}


@frozen(eq=False)
class GivenFunctions:
    """The functions of the host that a run may call: those that its program declares."""

    by_name: Mapping[str, HostFunction] = field(factory=dict)
    heads: tuple[HostHead, ...] = ()
    """How models that write programs see them."""


def functions_for(checked: Checked, given: Mapping[str, HostFunction]) -> GivenFunctions:
    """Return the functions that a program declares, of those that are given.

    Raises UsageError E613 if one is missing, or cannot be called with the arguments that it is declared for.
    """
    found: dict[str, HostFunction] = {}
    heads: list[HostHead] = []
    for node in checked.module.statements:
        if not isinstance(node, nodes.Function) or not node.is_declared:
            continue
        name, declared = node.name.id, checked.host[node.name.id]
        if name == FUNCTION:
            message = f"no function of the host is named `{name}`, as the functions are that models write"
            raise UsageError.of("E613", message, node.name.span, hint="choose another name")
        if name not in given:
            near = get_close_matches(name, given, 1)
            hint = f'give it: functions={{"{name}": …}}, or --functions FILE on the command line'
            hint += f"; did you mean `{near[0]}`, which is given?" if near else ""
            message = f"the program declares the function `{name}` of the host, and it is not given"
            raise UsageError.of("E613", message, node.span, hint=hint)
        found[name] = given[name]
        _check_parameters(declared, given[name])
        heads.append(HostHead(name, f"{node.span.text}\n", (declared.result, *declared.params)))
    return GivenFunctions(found, tuple(heads))


def _check_parameters(declared: CheckedFunction, given: HostFunction) -> None:
    """Check that a function takes as many arguments as it is declared for. Raises UsageError E613."""
    name, params = declared.node.name, declared.node.params
    try:
        signature = inspect.signature(given.code)
    except (TypeError, ValueError):  # of some functions written in C nothing is known
        return
    try:
        signature.bind(*params)
    except TypeError:
        raise UsageError.of(
            "E613",
            f"the function that is given as `{name.id}` takes {signature}; it is called with "
            f"({', '.join(param.name.id for param in params)})",
            declared.node.span,
            hint="its arguments are given by position, in the order of the declaration",
        ) from None


def declaration(name: str, given: HostFunction) -> HostHead:
    """Return the declaration of a function for programs that models write, from its annotations and docstring.

    Classes of fields in the annotations are records. Raises UsageError E613 if it has not all its types, or parameters
    that no declaration has.
    """
    code = given.code
    try:
        signature = inspect.signature(code)
        types = get_type_hints(code if hasattr(code, "__annotations__") else type(code).__call__, include_extras=True)
    except Exception as error:
        raise _unusable(name, f"its annotations cannot be read: {error}") from error
    params: list[str] = []
    found: list[Type] = []
    said = (inspect.getdoc(code) or "").rstrip().split("\n")
    for each in signature.parameters.values():
        if each.kind is each.VAR_POSITIONAL:
            raise _unusable(name, f"its parameter `*{each.name}` takes any number of arguments; take a list")
        if each.kind not in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            if each.kind is each.KEYWORD_ONLY and each.default is each.empty:
                raise _unusable(name, f"its parameter `{each.name}` is given by name only")
            continue
        if each.default is not each.empty and type(each.default) not in (str, int, float, bool, type(None)):
            break  # the function's own default
        if each.name not in types:
            raise _unusable(name, f"its parameter `{each.name}` has no type")
        default = "" if each.default is each.empty else f" = {each.default!r}"
        found.append(_type(name, f"the type of its parameter `{each.name}`", types[each.name]))
        params.append(f"{each.name}: {found[-1]}{default}")
        if about := meaning(types[each.name]):
            said.append(f"{each.name}: {about}")
    if "return" not in types:
        raise _unusable(name, "it does not say what it returns")
    result = _type(name, "the type that it returns", types["return"])
    if about := meaning(types["return"]):
        said.append(f"It returns {about}")
    head = f"def {name}({', '.join(params)}) -> {result}:"
    text = "\n    ".join(escaped(line, "") for line in said).strip()
    text = re.sub(r'"(?="|\Z)', r"\"", text)
    whole = f'{head}\n    """{text}"""\n    ...\n' if text else f"{head} ...\n"
    return HostHead(name, whole, (result, *found))


def _type(name: str, what: str, annotation: Any) -> Type:
    """Return the type of a part of a function. Raises UsageError E613 if the language has no such type."""
    try:
        return type_of_annotation(annotation)
    except UsageError as error:
        raise _unusable(name, f"{what}: {error.first.message}", error.first.hint) from None


def _unusable(name: str, why: str, hint: str | None = None) -> UsageError:
    return UsageError.of(
        "E613",
        f"the function `{name}` cannot be shown to a model: {why}",
        hint=hint or "write it as `def lookup(key: str) -> str:`, with a docstring that says what it does",
    )
