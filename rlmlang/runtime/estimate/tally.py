"""Counting the calls that the estimate meets, and the cost that they make together."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from math import inf
from typing import Union

from attrs import define, field, frozen

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.budget import Caps
from rlmlang.calls.limits import Limits
from rlmlang.calls.prompt import most_repair_tokens
from rlmlang.calls.roles import Roles
from rlmlang.language.source import Span
from rlmlang.language.types import Type
from rlmlang.models.base import Model, Request
from rlmlang.models.checks import prompt_tokens
from rlmlang.runtime.estimate.cost import Cost, Interval, Money, SiteCost
from rlmlang.runtime.estimate.intervals import all_known, capped, product
from rlmlang.runtime.values import Value, canonical

Kept = Callable[[Type, tuple[Union[str, None], ...], tuple[Value, ...], int], bool]
"""Whether the store has the answer to a call: by type, names of arguments, instruction and arguments, and sample."""

CallKind = tuple[str, tuple[Union[str, None], ...], Union[str, None]]
"""The type, argument names and instruction of a call, the instruction None if it is unknown. Calls of different kinds
are never equal, unless an instruction is unknown."""


@frozen(eq=False)
class KnownCall:
    """A call whose arguments are all known."""

    type: Type
    names: tuple[str | None, ...]
    args: tuple[Value, ...]
    """The instruction and the arguments."""
    sample: int
    prompt_tokens: int


@define(eq=False)
class DistinctCalls:
    """The calls of one place or kind that are made in any case, equal ones once."""

    prompts: dict[bytes, int] = field(factory=dict)
    """Prompt tokens of those whose arguments are known, by digest."""

    @property
    def calls(self) -> int:
        return max(1, len(self.prompts))

    @property
    def prompt_tokens(self) -> int:
        return sum(self.prompts.values()) or 1


@define(eq=False)
class SiteMaximum:
    """The most that one CALL in the text takes."""

    calls: float = 0
    generations: float = 0
    """Its calls, with those that are made again since an answer is not of its type."""
    prompt_tokens: float = 0
    completion_tokens: float = 0


@define(eq=False)
class CallTally:
    """The calls that a program may make, by their place in the text, and those that it makes in any case."""

    limits: Limits
    roles: Roles | None
    """The models of the run; None if they are not known."""
    guidance: str = ""
    """What the user has models told with every prompt."""
    sequential: set[Span] = field(factory=set)
    """The places of calls in loops that may end after any of their turns, so that the calls are made one by one."""
    _sites: dict[Span, SiteMaximum] = field(factory=dict)
    _sure: dict[tuple[Span, CallKind, bytes | None], KnownCall | None] = field(factory=dict)
    """Calls made in any case, by place, kind and digest of the arguments; None if an argument is unknown."""

    @property
    def _answering(self) -> Model | None:
        """The model that answers the calls of the program itself."""
        if self.roles is None:
            return None
        return (self.roles.main if self.limits.max_depth > 1 else self.roles.leaf).model

    def count(
        self,
        site: Span,
        type_: Type,
        names: tuple[str | None, ...],
        args: tuple[Value, ...],
        sample: Value,
        times: float,
        sure: bool,
    ) -> None:
        """Count a call that is made at most so many times, and at least once if `sure`."""
        low_prompt, high_prompt = 1, inf
        known = all_known(*args, sample)
        if (model := self._answering) is not None:
            high_prompt = model.context
            if known:
                by_program, guidance = self.limits.max_depth > 1, self.guidance
                request = Request(args[0], tuple(zip(names, args[1:])), type_, program=by_program, guidance=guidance)
                high_prompt = prompt_tokens(model, request)
                low_prompt = high_prompt if model.capabilities.exact_counts else 1
        repairs = self._repairs(type_)
        most_prompt = high_prompt
        if repairs and model is not None:
            most_prompt += repairs * min(high_prompt + most_repair_tokens(type_), model.context)
        most = self._sites.get(site)
        if most is None:
            most = self._sites[site] = SiteMaximum()
        most.calls += times
        most.generations += product(1 + repairs, times)
        most.prompt_tokens += product(most_prompt, times)
        most.completion_tokens += product(self.limits.max_answer_tokens * (1 + repairs), times)
        if not sure:
            return
        kind = (str(type_), names, args[0] if all_known(args[0]) else None)
        if known:
            digest = sha256(canonical([sample, *args]).encode("utf-8", "surrogatepass")).digest()
            self._sure[site, kind, digest] = KnownCall(type_, names, args, sample, low_prompt)
        else:
            self._sure[site, kind, None] = None

    def _repairs(self, type_: Type) -> int:
        """How often a call of a type may be asked again, since its answer is not of the type."""
        model = self._answering
        is_held = model is not None and model.capabilities.holds_answers
        is_asked_once = is_held or AnswerFormat.of(type_).style == "text" or self.limits.max_depth > 1
        return 0 if is_asked_once else self.limits.repairs

    def calls(self, open_end: bool) -> Interval:
        """How many calls a run makes if no limit ends it; without a maximum if there is an `open_end`."""
        most = self._most("calls", open_end)
        least = sum(group.calls for group in self._distinct(None)[1].values())
        return least, capped(inf if self.limits.max_depth > 1 and most else most, None)

    def cost(self, steps: int, size: int, open_end: bool, kept: Kept | None) -> Cost:
        """The cost of a run that takes at least so many steps and a value of so many bytes.

        `open_end` is whether there may be calls that were not counted. With `kept`, the minima are those of a run
        that need not make kept calls again.
        """
        limits, caps = self.limits, Caps.of(self.limits)
        at_site, groups = self._distinct(kept)
        least = sum(group.calls for group in groups.values())
        least_prompt = sum(group.prompt_tokens for group in groups.values())
        most = self._most("generations", open_end)
        most_prompt, most_completion = (self._most(name, open_end) for name in ("prompt_tokens", "completion_tokens"))
        if limits.max_depth > 1 and self._sites:  # programs that answer calls make others
            most_prompt = most_completion = inf
        return Cost(
            calls=(least, capped(inf if limits.max_depth > 1 and most else most, caps.calls)),
            depth=(min(least, 1), limits.max_depth if most else 0),
            prompt_tokens=(least_prompt, capped(most_prompt, caps.prompt_tokens)),
            completion_tokens=(0, capped(most_completion, caps.completion_tokens)),
            cost=self._money(least_prompt, most_prompt, most_completion, caps.cost),
            steps=(steps, limits.max_steps),
            bytes=(size, limits.max_bytes),
            sites=tuple(self._site_cost(span, at_site.get(span), open_end) for span in self._sites),
            model=None if self._answering is None else self._answering.name,
        )

    def _most(self, name: str, open_end: bool) -> float:
        return inf if open_end else sum(getattr(site, name) for site in self._sites.values())

    def _distinct(self, kept: Kept | None) -> tuple[dict[Span, DistinctCalls], dict[CallKind, DistinctCalls]]:
        """The distinct calls made in any case, by place and by kind.

        Calls of one kind whose arguments are unknown might all be equal, so that they are one together. With `kept`,
        only calls that are known and not kept count.
        """
        at_site: dict[Span, DistinctCalls] = {}
        groups: dict[CallKind, DistinctCalls] = {}
        for (site, kind, digest), call in self._sure.items():
            if kept is not None and (call is None or kept(call.type, call.names, call.args, call.sample)):
                continue
            if kind[2] is None and groups:
                continue  # it might equal a call that is counted already
            both = groups.setdefault(kind, DistinctCalls()), at_site.setdefault(site, DistinctCalls())
            if kind[2] is not None:
                groups.pop((kind[0], kind[1], None), None)
            if digest is not None and call is not None:
                for distinct in both:
                    distinct.prompts[digest] = call.prompt_tokens
        return at_site, groups

    def _site_cost(self, span: Span, least: DistinctCalls | None, open_end: bool) -> SiteCost:
        most = self._sites[span]
        most_calls = inf if open_end else most.generations
        unbounded = open_end or self.limits.max_depth > 1
        prompt, completion = (inf, inf) if unbounded else (most.prompt_tokens, most.completion_tokens)
        calls, least_prompt = (0, 0) if least is None else (least.calls, least.prompt_tokens)
        return SiteCost(
            span,
            (calls, capped(most_calls, None)),
            (least_prompt, capped(prompt, None)),
            (0, capped(completion, None)),
            self._money(least_prompt, prompt, completion, None),
            span in self.sequential,
        )

    def _money(self, least_prompt: int, most_prompt: float, most_completion: float, cap: Decimal | None) -> Money:
        """The price of tokens: at least of prompts that were all cached, at most of ones that were not."""
        if self.roles is None:
            return Decimal(0), cap
        price, *others = [role.price for role in (self.roles if self.limits.max_depth > 1 else [self.roles.leaf])]
        least = Decimal(0) if price is None else price.of(least_prompt, 0, least_prompt)
        most = Decimal(0)
        for each in (price, *others):  # with others, there are programs, whose tokens have no maximum
            if each is None or (each.input and most_prompt == inf) or (each.output and most_completion == inf):
                return least, cap
            most += each.of(*(0 if tokens == inf else int(tokens) for tokens in (most_prompt, most_completion)))
        return least, most if cap is None else min(most, cap)
