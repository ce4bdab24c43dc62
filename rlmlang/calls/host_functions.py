"""Functions of the host: what whoever runs a program hands in for the functions that it declares.

    @rlmlang.function(version="2", timeout=10)
    def lookup(key: str) -> str: ...

    program.run(functions={"lookup": lookup})

Any function may be handed in; `function` says more about one. It is taken as pure unless it is `volatile`: equal calls
are one call, and a store keeps the result under the name and the version of the function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from reprlib import repr as shown
from typing import Any, Union, overload

from attrs import frozen

from rlmlang.errors import UsageError
from rlmlang.language.check.checked import CheckedFunction

TIMEOUT = 60.0
"""Seconds that one call may take, unless its function says otherwise."""


@frozen(eq=False)
class HostFunction:
    """A function of the host, and how it is to be called. Called itself, it is the function."""

    code: Callable[..., Any]
    version: str = "1"
    """Part of the key of kept results: raised whenever the same arguments may give another result."""
    is_volatile: bool = False
    """Whether each evaluation is a call of its own, since equal calls may differ."""
    timeout: float = TIMEOUT
    """Seconds that one call may take."""

    def __attrs_post_init__(self) -> None:
        if not callable(self.code):
            raise UsageError.of("E607", f"a function of the host is a function, not {shown(self.code)}")
        if not isinstance(self.version, str):
            raise UsageError.of("E607", f"the version of a function is text, not {shown(self.version)}")
        if not isinstance(self.is_volatile, bool):
            raise UsageError.of("E607", f"volatile is True or False, not {shown(self.is_volatile)}")
        if type(self.timeout) not in (int, float) or not 0 < self.timeout < float("inf"):
            raise UsageError.of("E607", f"the timeout of a function is a number of seconds, not {shown(self.timeout)}")

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.code(*args, **named)


@overload
def function(code: Callable[..., Any], /) -> HostFunction: ...


@overload
def function(
    *, version: str = "1", volatile: bool = False, timeout: float = TIMEOUT
) -> Callable[[Callable[..., Any]], HostFunction]: ...


def function(
    code: Callable[..., Any] | None = None, /, *, version: str = "1", volatile: bool = False, timeout: float = TIMEOUT
) -> HostFunction | Callable[[Callable[..., Any]], HostFunction]:
    """Say how a function of the host is to be called; a decorator, with options or without.

    `version` is to be raised whenever the same arguments may give another result, since results are kept by it. Of a
    `volatile` function nothing is kept, and each evaluation is a call of its own. A call ends after `timeout` seconds.
    Raises UsageError E607.
    """
    if code is not None:
        return HostFunction(code)
    return lambda code: HostFunction(code, version, volatile, timeout)


FunctionsLike = Mapping[str, Union[HostFunction, Callable[..., Any]]]
"""Functions of the host by the names by which programs declare them."""


def host_functions(given: FunctionsLike | None) -> dict[str, HostFunction]:
    """Return the functions that are given by their names. Raises UsageError E607."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise UsageError.of("E607", f"functions is a mapping from names to functions, not {shown(given)}")
    return {name: each if isinstance(each, HostFunction) else HostFunction(each) for name, each in given.items()}


def functions_for(declared: Iterable[CheckedFunction], given: Mapping[str, HostFunction]) -> dict[str, HostFunction]:
    """Return the functions that a program declares, of those that are given.

    Raises UsageError E613 if one is missing, or cannot be called with the arguments that it is declared for.
    """
    found: dict[str, HostFunction] = {}
    for each in declared:
        name = each.node.name
        if name.id not in given:
            hint = f'give it: functions={{"{name.id}": …}}, or --functions FILE on the command line'
            message = f"the program declares the function `{name.id}` of the host, and it is not given"
            raise UsageError.of("E613", message, each.node.span, hint=hint)
        found[name.id] = given[name.id]
        _check_parameters(each, given[name.id])
    return found


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
