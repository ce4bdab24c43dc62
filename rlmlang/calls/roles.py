"""Who answers what in a run: one model writes programs, and another may read, by direct answers (decision 105)."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from rlmlang.calls.prices import Price, Prices, price_of
from rlmlang.models.base import Model

LEAF = "leaf"
"""The name of the role of the model for direct answers."""


@frozen(eq=False)
class Role:
    """A model with its price."""

    model: Model
    price: Price | None
    """None if it is not known."""

    @classmethod
    def of(cls, model: Model, prices: Prices) -> Role:
        """Return a model with its price among some."""
        return cls(model, price_of(model, prices))


@frozen(eq=False)
class Roles:
    """The models of a run by what they do."""

    main: Role
    """It writes programs and texts."""
    leaf: Role
    """It answers directly; the same as `main` where one model does everything."""

    @classmethod
    def of(cls, main: Model, leaf: Model | None = None, prices: Prices | None = None) -> Roles:
        """Return the roles of a model, and of another one for direct answers if there is one."""
        role = Role.of(main, prices or {})
        return cls(role, role if leaf is None else Role.of(leaf, prices or {}))

    def __iter__(self) -> Iterator[Role]:
        yield self.main
        if self.leaf is not self.main:
            yield self.leaf

    def of_form(self, form: str) -> Role:
        """Return who answers a call of a form: `leaf`, `program` or `text`."""
        return self.leaf if form == "leaf" else self.main

    @property
    def leaf_model(self) -> Model | None:
        """The model for direct answers if it is one of its own."""
        return None if self.leaf is self.main else self.leaf.model

    @property
    def is_recursive(self) -> bool:
        """Whether one model answers calls by programs at every depth, equal ones in the same way."""
        return self.main.model.capabilities.recursive and self.leaf is self.main
