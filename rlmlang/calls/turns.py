"""Programs that a model writes in turns of a chat: a block of statements, what they came to, the next block.
(Decision 102.)

Engines that cannot go on from their own text would have to read all of it anew for each statement. In turns, what was
written and shown stays as it is, and the next message comes after it. A block may have prose around it. It is checked
and run as a whole, so that its calls run together, and one that does not work is written again as a whole.
"""

from __future__ import annotations

from attrs import define, evolve, field

from rlmlang.calls.prompt import REJECTED, ChatTurn, fenced
from rlmlang.calls.reasoning import reasoning_and_answer
from rlmlang.calls.writing_session import STATEMENT_ATTEMPTS, WritingSession
from rlmlang.calls.written_program import body_text, until_code_ends
from rlmlang.errors import ModelError, RlmError
from rlmlang.language.parse.layout import show_hidden
from rlmlang.models.base import Reply, Request
from rlmlang.models.checks import refuse_cut_off, refuse_without_content
from rlmlang.render import render

SHOWN = 300
"""Characters of a value that are shown."""

SHOWN_PRINTED = 4_000
"""Characters that are shown of what a block has printed."""

_CORRECT = "Write the block again, corrected, in a ```python block."
_NEXT = "Write the next statements, in a ```python block; `return` the result once you have it."


@define
class TurnSession(WritingSession):
    """One program that a model is writing in turns."""

    unit = "blocks"

    turns: tuple[ChatTurn, ...] = field(default=(), init=False)
    """The turns before the last reply."""
    reply: str = field(default="", init=False)
    """The last reply up to the end of its block, which is all of it that counts."""

    def _next_request(self, attempt: int, problem: tuple[str, RlmError] | None) -> Request:
        if self.reply:
            feedback = self._results() if problem is None else _rejection(problem[1])
            self.turns += (ChatTurn(self.reply, feedback),)
        sample = self.request.sample * STATEMENT_ATTEMPTS + attempt
        return evolve(self.request, turns=self.turns, sample=sample)

    def _parts(self, reply: Reply) -> list[str]:
        whole = reasoning_and_answer(reply.opening + reply.text)[1]
        self.reply = until_code_ends(whole)
        if self.reply == whole:
            refuse_cut_off(reply)
        if not whole.strip():
            refuse_without_content(reply, self.request.max_tokens)
        block = body_text(self.reply, self.header).rstrip() + "\n"
        if not block.strip():
            raise ModelError.of("E405", "the model wrote no statement")
        return [block]

    def _results(self) -> str:
        """Return the message that shows what the last block left and printed."""
        parts = ["That was run."]
        if lines := self.preview.lines(SHOWN):
            parts.append("It left:\n\n" + fenced("\n".join(lines)))
        if printed := show_hidden("".join(self.preview.printed)).rstrip("\n"):
            left = len(printed) - SHOWN_PRINTED
            parts.append("It printed:\n\n" + fenced(printed[:SHOWN_PRINTED]))
            if left > 0:
                parts.append(f"({left:,} more characters are not shown.)")
        return "\n\n".join([*parts, _NEXT])


def _rejection(problem: RlmError) -> str:
    return f"{REJECTED}, and nothing of it is kept:\n\n{render(problem.diagnostics)}\n\n{_CORRECT}"
