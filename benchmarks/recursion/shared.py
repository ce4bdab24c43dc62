"""Files of results, the weights that these belong to, and intervals, for all parts of the benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlmlang.models.local.weights import digest
from rlmlang.nano.engine import WEIGHTS

RESULTS = Path(__file__).parent / "results"


def weights(folder: Path = WEIGHTS) -> str:
    """Return the digest of the weights of nano, or of another model."""
    return digest(folder / "model.safetensors")[:16]


def load(name: str) -> dict[str, Any]:
    """Return the results of a name, empty if there are none."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def save(name: str, data: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Return the bounds of the true share, by Wilson's interval of 95 %."""
    if not of:
        return 0.0, 1.0
    share, spread = right / of, z * z / of
    middle, half = share + spread / 2, z * (share * (1 - share) / of + spread / of / 4) ** 0.5
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))
