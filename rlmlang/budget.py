"""Limits of a run, and the one account that the whole call tree spends from.

Before a model call its share is reserved; afterwards what it really took is settled.
While reservations of others are open, a call that would not fit waits for them, since
they rarely take all they reserved. So a limit is never overrun, nor reached too early.
"""

from __future__ import annotations

import asyncio

from attrs import asdict, define, field, frozen

from rlmlang.errors import BudgetError


@frozen
class Limits:
    """What a run may spend. None is no limit."""

    max_calls: int | None = 1_000
    """Generations by the model, repairs included."""
    max_depth: int = 1
    """Levels of models below the program; a CALL at this level is answered directly."""
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_answer_tokens: int = 1_024
    """Tokens of one answer."""
    max_seconds: float | None = None
    """Wall time of the run."""
    max_steps: int = 5_000_000
    """Steps of pure work (`values.Meter`)."""
    max_bytes: int = 32_000_000
    """Size of any one value: one byte a character, eight an element."""
    concurrency: int | None = None
    """Calls that run at once; by default as many as the model says are useful."""


@define
class Usage:
    """What a run has spent."""

    calls: int = 0
    memo_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cached_tokens: int = 0
    """Of the prompts' tokens, those that the engine had read before."""

    def to_json(self) -> dict[str, float]:
        return asdict(self) | {"seconds": round(self.seconds, 3)}


@define
class Account:
    """Reservations and spending of one run, shared by its whole call tree."""

    limits: Limits
    usage: Usage = field(factory=Usage)
    _reserved_prompt: int = 0
    _reserved_completion: int = 0
    _open: int = 0
    _changed: list[asyncio.Future[None]] = field(factory=list)

    async def reserve(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Reserve one call. Returns the completion tokens granted: all asked for, or what is left.

        Raises BudgetError E501, E503 or E504.
        """
        limits, usage = self.limits, self.usage
        while True:
            if limits.max_calls is not None and usage.calls >= limits.max_calls:
                raise self.no_calls_left()
            left = _left(limits.max_prompt_tokens, usage.prompt_tokens + self._reserved_prompt)
            room = _left(limits.max_completion_tokens, usage.completion_tokens + self._reserved_completion)
            if prompt_tokens <= left and completion_tokens <= room:
                granted = completion_tokens
                break
            if not self._open:
                if prompt_tokens > left:
                    raise BudgetError.of(
                        "E503",
                        f"the call reads {prompt_tokens:,} tokens; {left:,.0f} of "
                        f"{limits.max_prompt_tokens:,} are left",
                        hint="raise max_prompt_tokens, or pass the call less",
                    )
                if room < 1:
                    raise BudgetError.of(
                        "E504",
                        f"all {limits.max_completion_tokens:,} completion tokens are used",
                        hint="raise max_completion_tokens",
                    )
                granted = int(room)
                break
            waiting = asyncio.get_running_loop().create_future()
            self._changed.append(waiting)
            await waiting
        usage.calls += 1
        self._open += 1
        self._reserved_prompt += prompt_tokens
        self._reserved_completion += granted
        return granted

    def no_calls_left(self) -> BudgetError:
        return BudgetError.of("E501", f"all {self.limits.max_calls:,} calls are used", hint="raise max_calls")

    def settle(self, reserved: tuple[int, int], spent: tuple[int, int] | None, *, called: bool = True) -> None:
        """Replace a reservation by what the call really took, `(prompt, completion)` tokens.

        `spent` is None when that is unknown; the whole reservation then counts, since the
        model may have been paid for it. With `called` false the call was never sent.
        """
        self._open -= 1
        self._reserved_prompt -= reserved[0]
        self._reserved_completion -= reserved[1]
        if called:
            prompt, completion = reserved if spent is None else spent
            self.usage.prompt_tokens += prompt
            self.usage.completion_tokens += completion
        else:
            self.usage.calls -= 1
        changed, self._changed = self._changed, []
        for waiting in changed:
            if not waiting.done():
                waiting.set_result(None)


def _left(limit: int | None, used: int) -> float:
    return float("inf") if limit is None else max(0, limit - used)
