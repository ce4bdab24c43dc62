"""A cluster of Ray with three nodes whose workers are killed: the results are those of one machine."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from rlmlang.cli import main
from rlmlang.mapping.records import TAKEN_COLUMNS
from tests.support.needed import need
from tests.support.places import ROOT

pytestmark = [pytest.mark.heavy, pytest.mark.long]

AT_ONCE = 8

MODEL = """\
import asyncio
import os

LOG = os.open(os.path.join(os.path.dirname(__file__), "asked.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def model(request):
    number = request.arguments[0][1]
    os.write(LOG, f"{os.getpid()} {number}\\n".encode())
    await asyncio.sleep(0.1)
    return f"<{number}>"
"""

EVERY = 4.0
"""Seconds between two kills. One worker stays alive, since others need seconds to begin again."""

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster of three nodes, all of them on this machine."""
    need(_has_ray(), "ray")
    for name, value in {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        cluster.add_node(**NODE)
        cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()


def _has_ray() -> bool:
    with suppress(ImportError):
        import ray.data  # noqa: F401

        return True
    return False


@define
class Killer:
    """Kills a worker now and then, of those that ask the model."""

    log: Path
    killed: set[int] = field(factory=set)
    _ended: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread = field(init=False)
    _chance: random.Random = field(factory=lambda: random.Random(5))

    def __enter__(self) -> Killer:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(EVERY):
            latest = {int(line.split()[0]) for line in self.log.read_text().splitlines()[-500:]} - self.killed
            alive = [pid for pid in sorted(latest) if Path(f"/proc/{pid}").exists()]
            if len(alive) > 1:
                pid = self._chance.choice(alive)
                self.killed.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def outcomes(path: Path) -> list[dict[str, Any]]:
    """The results in a file, without what the rows took."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in each.items() if name not in TAKEN_COLUMNS} for each in found]


@pytest.mark.parametrize("rows", [500, 20_000])
@pytest.mark.filterwarnings("ignore")  # of Ray
def test_results_are_those_of_one_machine(
    nodes: str, rows: int, tmp_path: Path, postgres_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unique, log = rows // 4, tmp_path / "asked.log"
    log.touch()
    (tmp_path / "program.rlm").write_text('n: int\nname: str\nCALL("say", n) + name\n')
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "rows.jsonl").write_text(
        "".join(
            json.dumps({"n": "none" if n % 97 == 5 else n % unique, "name": f"row {n}", "right": f"<{n}>row {n}"})
            + "\n"
            for n in range(rows)
        )
    )
    given = ["map", "program.rlm", "rows.jsonl", "--quiet", "--expect", "right"]
    given += ["--model", f"scripted:{tmp_path}/model.py"]
    assert main([*given, "--out", "one.jsonl", "--no-store"]) == 1  # some rows fail
    log.write_text("")
    with Killer(log) as killer:
        shared = ["--on", nodes, "--workers", "3", "--store", postgres_store, "--concurrency", str(AT_ONCE)]
        assert main([*given, "--out", "many.jsonl", *shared]) == 1
    assert outcomes(tmp_path / "many.jsonl") == outcomes(tmp_path / "one.jsonl")

    asked: dict[str, list[int]] = defaultdict(list)
    for line in log.read_text().splitlines():
        pid, number = line.split()
        asked[number].append(int(pid))
    assert len(asked) == unique
    again = Counter(pid for pids in asked.values() for pid in pids[:-1])
    assert set(again) <= killer.killed  # what was asked again was in flight at a worker that was killed
    assert all(count <= AT_ONCE for count in again.values())
    print(f"{len(killer.killed)} workers killed, {sum(again.values())} of {unique} calls made again")
