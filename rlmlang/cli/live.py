"""Show the call tree of a run on a terminal while it runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import perf_counter

from attrs import define
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from rlmlang.calls.prices import money
from rlmlang.cli.output import one_line
from rlmlang.render import counted
from rlmlang.trace.progress import Progress, Subtree, duration

REFRESH = 1 / 8
"""Seconds between two pictures of the run; more for huge runs, so that drawing takes little of their time."""

BAR, SHORT_BAR, NARROW = 20, 8, 80
"""The width of a bar, its width on a narrow terminal, and the width below which a terminal is narrow."""

SHOWN = 4
"""How many running calls are shown one by one."""

COLORS = {"done": "green", "running": "yellow", "waiting": "dim", "memo": "green", "failed": "red", "cancelled": "dim"}


@define(eq=False)
class View:
    """Draws pictures of a run."""

    title: str
    progress: Progress
    width: int = NARROW
    """The width of the terminal."""

    def picture(self, seconds: float, final: bool = False) -> RenderableType:
        """Return the picture of the run `seconds` after its beginning."""
        lines = [self._title(seconds), self._counts(final), *(() if final else self._left(seconds))]
        return Group(*lines, self._tree(), *(() if final else self._running(seconds)))

    def _title(self, seconds: float) -> Text:
        usage = self.progress.trace.usage
        cost = f" · {money(usage.cost)}" if usage.cost else ""
        return _line(
            (one_line(self.title, 60), "bold"),
            (f"  {counted(usage.calls, 'call')}", ""),
            (f" · {usage.prompt_tokens:,} → {usage.completion_tokens:,} tokens{cost} · {duration(seconds)}", "dim"),
        )

    def _counts(self, final: bool) -> Text:
        progress = self.progress
        parts = [(f"{count:,} {what}", COLORS[what]) for what, count in progress.counts().items() if count]
        if not final and progress.tokens_per_second:
            parts.append((f"{progress.tokens_per_second:.1f} tokens/s", "dim"))
        if not final and (to_go := progress.to_go()):
            parts.append((to_go, "bold"))
        return Text.assemble(*_between(parts))

    def _left(self, seconds: float) -> Iterator[Text]:
        """Yield what is left of the budgets, in a warning color if it is little."""
        parts = [
            (text, "dim" if share > 0.2 else "yellow" if share > 0.05 else "red")
            for text, share in self.progress.left(seconds)
        ]
        if parts:
            yield Text.assemble(("left: ", "dim"), *_between(parts))

    def _tree(self) -> Tree:
        tree = Tree("", hide_root=True, guide_style="dim")
        self._grow(tree, self.progress.root, self.progress.running_by_branch())
        return tree

    def _grow(self, tree: Tree, above: Subtree, running: Counter[Subtree]) -> None:
        """Add the branches below one to the tree, those of a function or binding together."""
        names: dict[str, Tree] = {}
        for branch in above.below.values():
            name = one_line(branch.within, 40) if branch.within else "the value"
            if name not in names:
                names[name] = tree.add(Text(name, style="cyan"))
            line = _branch_line(branch, running[branch], BAR if self.width >= NARROW else SHORT_BAR)
            self._grow(names[name].add(line), branch, running)

    def _running(self, seconds: float) -> Iterator[Text]:
        running = self.progress.running()
        for record in running[:SHOWN]:
            took = f"{max(0.0, seconds - record.started):6.1f} s  "
            yield _line((took, "yellow"), (one_line(record.instruction, 100), "dim"))
        if len(running) > SHOWN:
            yield _line((f"{'':10}and {len(running) - SHOWN:,} more", "dim"))


def _branch_line(branch: Subtree, running: int, width: int) -> Text:
    ended = branch.ended.total()
    full = width * ended // branch.asked
    counts = {
        "running": running,
        "failed": branch.ended["failed"],
        "cancelled": branch.ended["cancelled"],
        "memo": branch.ended["stored"] + branch.hits,
    }
    return _line(
        (f"line {branch.line:<3} " if branch.line else "", "dim"),
        ("━" * full, "red" if branch.ended["failed"] else "green"),
        ("─" * (width - full), "dim"),
        (f" {ended:,}/{branch.asked:,}", "bold"),
        *((f" · {count:,} {what}", COLORS[what]) for what, count in counts.items() if count),
        (f"  {one_line(branch.latest, 100)}", "dim"),
    )


def _line(*parts: tuple[str, str]) -> Text:
    """Return styled text on one line, truncated where the terminal ends."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _between(parts: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for i, part in enumerate(parts):
        if i:
            yield " · ", "dim"
        yield part


@asynccontextmanager
async def shown(title: str, progress: Progress) -> AsyncIterator[None]:
    """Show a run on standard error while it runs; the last picture stays on the screen."""
    console = Console(stderr=True, highlight=False)
    view = View(title, progress)
    live = Live(console=console, auto_refresh=False)

    def show(final: bool = False) -> None:
        progress.sample(progress.seconds)
        if progress.root.below:
            view.width = console.width
            live.start()
            live.update(view.picture(progress.seconds, final), refresh=True)

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
