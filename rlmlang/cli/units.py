"""Read sizes and ages as people write them: `2 GB`, `30d`."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "b": 1}


def amount(text: str, units: dict[str, int]) -> float:
    """Return a number with a unit, such as `30d` or `2 GB`, in the smallest unit. Raises ValueError."""
    if text.strip() == "0":
        return 0.0
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]+)", text.strip().lower())
    if match is None or match[2] not in units:
        raise ValueError(f"a number with a unit ({', '.join(units)}), not {text!r}")
    return float(match[1]) * units[match[2]]
