"""The call tree of a run, shown on a terminal while the run goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import perf_counter

from attrs import define, field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from rlmlang.budget import Account
from rlmlang.cli.output import one_line
from rlmlang.trace import CallRecord, Trace

REFRESH = 1 / 8
"""Seconds between two looks at the run; more for huge runs, so that looking takes little of them."""

BAR = 20
"""Width of a bar."""

SHOWN = 4
"""Running calls that are shown one by one."""


@define(eq=False)
class Branch:
    """The calls that a line of a program makes, below one branch or the program itself."""

    within: str | None
    line: int
    records: list[CallRecord] = field(factory=list)
    below: dict[tuple[str | None, int], Branch] = field(factory=dict)


@define(eq=False)
class View:
    """Follows a run by its trace and account."""

    title: str
    trace: Trace
    account: Account
    _root: Branch = field(factory=lambda: Branch(None, 0))
    _seen: int = 0
    _programs: dict[int, Branch] = field(factory=dict)
    """The branch of each call that a program or a text answers: the calls of that one are below it."""

    def look(self) -> None:
        """Take in the calls that are new."""
        for record in self.trace.calls[self._seen :]:
            above = self._root if record.parent is None else self._programs[record.parent]
            key = (record.within, record.span.line)
            branch = above.below.setdefault(key, Branch(*key))
            branch.records.append(record)
            if record.form != "leaf":
                self._programs[record.id] = branch
        self._seen = len(self.trace.calls)

    def picture(self, seconds: float, final: bool = False) -> RenderableType:
        """The moment `seconds` after the run began."""
        running = [] if final else list(self._running(seconds))
        return Group(self._title(seconds), self._tree(), *running)

    def _title(self, seconds: float) -> Text:
        usage = self.account.usage
        speed = f" · {usage.completion_tokens / seconds:.1f} tokens/s" if seconds > 0 else ""
        return _line(
            (one_line(self.title, 60), "bold"),
            (f"  {usage.calls:,} calls · {usage.memo_hits:,} memo", ""),
            (f" · {usage.prompt_tokens:,} → {usage.completion_tokens:,} tokens{speed} · {seconds:.1f} s", "dim"),
        )

    def _tree(self) -> Tree:
        tree = Tree("", hide_root=True, guide_style="dim")
        self._grow(tree, self._root)
        return tree

    def _grow(self, tree: Tree, above: Branch) -> None:
        """Put the branches below one into the tree, those of a function or binding together."""
        names: dict[str, Tree] = {}
        for branch in above.below.values():
            name = one_line(branch.within, 40) if branch.within else "the value"
            if name not in names:
                names[name] = tree.add(Text(name, style="cyan"))
            self._grow(names[name].add(_branch_line(branch)), branch)

    def _running(self, seconds: float) -> Iterator[Text]:
        running = sorted(
            (record for record in self.trace.active.values() if record.status == "running"),
            key=lambda record: record.started,
        )
        for record in running[:SHOWN]:
            took = f"{max(0.0, seconds - record.started):6.1f} s  "
            yield _line((took, "yellow"), (one_line(record.instruction, 100), "dim"))
        if len(running) > SHOWN:
            yield _line((f"{'':10}and {len(running) - SHOWN:,} more", "dim"))


def _branch_line(branch: Branch) -> Text:
    statuses = Counter(record.status for record in branch.records)
    total = len(branch.records)
    ended = total - statuses["waiting"] - statuses["running"]
    full = BAR * ended // total
    counts = {
        "running": (statuses["running"], "yellow"),
        "failed": (statuses["failed"], "red"),
        "cancelled": (statuses["cancelled"], "dim"),
        "memo": (statuses["stored"] + sum(record.hits for record in branch.records), "green"),
    }
    return _line(
        ("━" * full, "red" if statuses["failed"] else "green"),
        ("─" * (BAR - full), "dim"),
        (f" {ended:,}/{total:,}", "bold"),
        *((f" · {count:,} {what}", style) for what, (count, style) in counts.items() if count),
        (f"  line {branch.line}: {one_line(branch.records[-1].instruction, 100)}", "dim"),
    )


def _line(*parts: tuple[str, str]) -> Text:
    """Styled text on one line, cut where the terminal ends."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


@asynccontextmanager
async def watch(title: str, trace: Trace, account: Account) -> AsyncIterator[None]:
    """Show a run on standard error while it goes on; what it came to stays on the screen."""
    view = View(title, trace, account)
    live = Live(console=Console(stderr=True, highlight=False), auto_refresh=False)
    begin = perf_counter()

    def show(final: bool = False) -> None:
        view.look()
        if trace.calls:
            live.start()
            live.update(view.picture(perf_counter() - begin, final), refresh=True)

    async def follow() -> None:
        while True:
            start = perf_counter()
            show()
            await asyncio.sleep(max(REFRESH, 20 * (perf_counter() - start)))

    following = asyncio.ensure_future(follow())
    try:
        yield
    finally:
        following.cancel()
        show(final=True)
        live.stop()
