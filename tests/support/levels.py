"""Write the part of grammar/rlm.lark that is alike for each level of blocks: `python -m tests.support.levels`."""

from __future__ import annotations

import re
from pathlib import Path

GRAMMAR = Path(__file__).parents[2] / "grammar" / "rlm.lark"
LEVELS = 8

_RULES = """\
?suite{k}: _NL{k} (block{k} | open{k} | tried{k} | looped{k}) -> lines | simple -> one_line
block{k}: [above{k}] simple -> line | [above{k}] head ":" {body} -> compound | open{k} _NL{k} "else" ":" {body} -> else_
      | looped{k} _NL{k} "else" ":" {body} -> loop_else | tried{k} _NL{k} "else" ":" {body} -> try_else
open{k}:  [above{k}] "if" test ":" {body} -> if_ | open{k} _NL{k} "elif" test ":" {body} -> elif_
looped{k}: [above{k}] loop ":" {body} -> compound
tried{k}: [above{k}] "try" ":" {body} _NL{k} handler ":" {body} -> try_ | tried{k} _NL{k} handler ":" {body} -> except_
above{k}: (block{k} | open{k} | tried{k} | looped{k}) _NL{k} -> above
"""
_LINE = r"([ ]*(#[^\n]*)?\n)+"
_BLOCKS = re.compile(r"(?s)(?<=\n\n)\?suite1: .*?\n(?=\n)")
_TERMINALS = re.compile(r"(?m)(?:^_NL\d+: .*\n)+")


def with_levels(text: str) -> str:
    """Return a text of the grammar with the rules and line ends of all levels written anew."""
    rules = "".join(_rules(k) for k in range(1, LEVELS + 1))
    ends = "".join(f"_NL{k}: /{_LINE}{'    ' * k}/\n" for k in range(LEVELS + 1))
    return _TERMINALS.sub(lambda _: ends, _BLOCKS.sub(lambda _: rules, text))


def _rules(k: int) -> str:
    deepest = f"?suite{LEVELS + 1}: simple -> one_line\n"
    return _RULES.format(k=k, body=f"suite{k + 1}") + (deepest if k == LEVELS else "")


if __name__ == "__main__":
    GRAMMAR.write_text(with_levels(GRAMMAR.read_text(encoding="utf-8")), encoding="utf-8")
