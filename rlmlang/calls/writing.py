"""The ways in which a model writes a program."""

from __future__ import annotations

from typing import Literal

Writing = Literal["statements", "turns", "whole"]
"""By statements, each shown what those before it give as the text goes on; in turns of a chat, each a block of
statements that is shown likewise; or whole, in one go."""
