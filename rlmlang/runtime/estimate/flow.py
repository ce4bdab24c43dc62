"""Where following a statement before a run may lead."""

from __future__ import annotations

from attrs import define

from rlmlang.runtime.estimate.environment import Env, join
from rlmlang.runtime.estimate.intervals import either
from rlmlang.runtime.values import Value


@define(eq=False)
class Flow:
    """Where following a statement, or a block, may lead."""

    goes_on: bool = False
    """Whether it may come to the next statement."""
    breaks: Env | None = None
    """The variables where it may leave the loop."""
    continues: Env | None = None
    """The variables where it may leave the turn of the loop."""
    returns: bool = False
    """Whether it may leave the function, with `result`."""
    result: Value = None

    @property
    def leaves(self) -> bool:
        """Whether it may lead elsewhere than to the next statement."""
        return self.returns or self.breaks is not None or self.continues is not None

    @property
    def leaves_loop(self) -> bool:
        return self.returns or self.breaks is not None

    def add_exits(self, other: Flow) -> None:
        """Note that another statement is on the way, which may also leave the block."""
        self.breaks, self.continues = join(self.breaks, other.breaks), join(self.continues, other.continues)
        self.add_result(other)

    def add_result(self, other: Flow) -> None:
        """Note that another statement is on the way, which may also leave the function."""
        if other.returns:
            self.result = either(self.result, other.result) if self.returns else other.result
            self.returns = True
