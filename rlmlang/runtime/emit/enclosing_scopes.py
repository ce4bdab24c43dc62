"""Where functions are in a program: which of those around them binds a name that they read."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from rlmlang.language import nodes
from rlmlang.runtime.emit.variables import bindings, functions_in

PROGRAM = -1
"""What binds the variables of the program, in the place of the `node_id` of a function."""

NEAREST = -2
"""The same where it is not known: the nearest frame that has the name."""


@frozen(eq=False)
class Surroundings:
    """Where code is in the program: the functions around it, from the innermost, each with the names that it binds."""

    chain: tuple[tuple[int, frozenset[str]], ...]
    outermost: int = PROGRAM
    """What binds the other names."""

    def binder(self, name: str) -> int:
        """Return the `node_id` of the function that binds a name."""
        return next((function for function, names in self.chain if name in names), self.outermost)


def surroundings_of(module: nodes.Module) -> dict[int, Surroundings]:
    """Return where each function of a program is, by the `node_id` of its name."""
    found = {}
    rest: list[tuple[Sequence[nodes.Statement], tuple[tuple[int, frozenset[str]], ...]]] = [(module.statements, ())]
    while rest:
        body, chain = rest.pop()
        for function in functions_in(body):
            found[function.name.node_id] = Surroundings(chain)
            names = frozenset(bindings(function.body)) | {param.name.id for param in function.params}
            rest.append((function.body, ((function.name.node_id, names), *chain)))
    return found
