"""What is said of limits that are reached."""

from __future__ import annotations

from decimal import Decimal

LIMIT_CODES = {
    "max_calls": "E501",
    "max_prompt_tokens": "E503",
    "max_completion_tokens": "E504",
    "max_cost": "E509",
    "max_function_calls": "E511",
}
"""The codes of limits of a whole run, or of all rows."""


def of_row(number: int | None) -> str:
    """Return how a message about a row begins."""
    return f"row {number}: "


def too_long(prompt: int, left: int, cap: int) -> str:
    """Return what is said of a prompt for which too few tokens are left."""
    return f"the prompt has {prompt:,} tokens; {left:,} of {cap:,} are left"


def too_expensive(cost: Decimal, left: Decimal, cap: Decimal) -> str:
    """Return what is said of a call for which too little money is left."""
    return f"the call costs at least ${cost:f}; ${left:f} of ${cap:f} are left"


def cut_off(granted: int) -> str:
    """Return what is said of an answer that ended where its tokens did."""
    return f"the answer did not fit the {granted:,} tokens that were left"
