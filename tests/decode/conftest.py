"""What several tests of masks open once."""

from __future__ import annotations

import pytest

from rlmlang.decode.vocabulary import Vocabulary, open_vocabulary


@pytest.fixture(scope="session")
def smollm2() -> Vocabulary:
    """Return the tokens of SmolLM2, which take seconds to read."""
    return open_vocabulary("smollm2")
