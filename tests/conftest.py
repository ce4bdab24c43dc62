"""Settings that all tests share, and golden files."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import postgres
from tests.support.needed import need
from tests.support.places import GOLDEN

# A job in the background of a shell is started with interrupts ignored; the tests send some.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("long", settings.get_profile("default"), max_examples=1_500)
settings.register_profile("light", settings.get_profile("default"), max_examples=10)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the texts in tests/golden/ anew")
    parser.addoption(
        "--light", action="store_true", help="only what needs no torch, browser, database or model, and is quick"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--light"):
        settings.load_profile("light")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a module that is heavy as a whole: what it imports may not be installed."""
    if config.getoption("--light") and collection_path.suffix == ".py":
        return (
            re.search(r"^pytestmark = .*mark\.heavy", collection_path.read_text(encoding="utf-8"), re.MULTILINE)
            is not None
            or None
        )
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--light"):
        heavy = [item for item in items if any(map(item.get_closest_marker, ("heavy", "real", "long")))]
        config.hook.pytest_deselected(items=heavy)
        items[:] = [item for item in items if item not in set(heavy)]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a file in `tests/golden/`, or with --update-golden, write it there."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


# Stores --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of the tests' own."""
    need(postgres.programs() is not None, "postgresql")
    with postgres.server() as server:
        yield server.url


@pytest.fixture
def postgres_store(postgres_server: str) -> str:
    """The URL of an empty store in PostgreSQL."""
    return postgres.empty_store(postgres_server)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.heavy)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where an empty store may be opened, of either kind."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_store")
        return url
    return tmp_path / "store.db"
