"""Where the tests find files of the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
CONFORMANCE = ROOT / "tests" / "conformance"
