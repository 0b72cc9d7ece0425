"""/run/corolistener/run.json is read whole by two programs, whenever they look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coroctl.daemon.record import MOST
from coroctl.daemon.runfile import NO_FACTS, GuardFacts, RunFileError, read_facts, read_run, write_run
from coroctl.decision.values import Run, Tenure
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Run(99, 12, Tenure(41, NodeId(7), 99, 5), 2_000_000, 123_456_789, 123_456_790)
FACTS = GuardFacts("vmmgr.service", "10.0.0.100", 24, "vmbr0", "/tmp/.lock.vmmgr.service")

numbers = st.integers(0, MOST)
tenures = st.none() | st.builds(Tenure, st.integers(1, MOST), st.integers(1, 1 << 31).map(NodeId), numbers, numbers)


@given(st.builds(Run, numbers, numbers, tenures, numbers, numbers, numbers))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, run: Run) -> None:
    write_run(tmp_path / "run.json", run, FACTS)
    assert read_run(tmp_path / "run.json") == run
    assert read_facts(tmp_path / "run.json") == FACTS


def test_the_keys_are_those_that_the_guard_knows(tmp_path: Path) -> None:
    write_run(tmp_path / "run.json", RUN, FACTS)
    assert json.loads((tmp_path / "run.json").read_bytes()) == {
        "boot": 99,
        "counter": 12,
        "vote": [41, 7, 99, 5],
        "lease_us": 2_000_000,
        "lease_until": 123_456_789,
        "guard_until": 123_456_790,
        "service": "vmmgr.service",
        "address": "10.0.0.100",
        "prefix": 24,
        "device": "vmbr0",
        "lock": "/tmp/.lock.vmmgr.service",
    }
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600


def test_damaged_or_missing_is_none(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert read_run(path) is None
    assert read_facts(path) == NO_FACTS
    write_run(path, RUN, FACTS)
    good = path.read_bytes()
    # The end of the line may be missing; nothing else may.
    for length in range(len(good) - 1):
        path.write_bytes(good[:length])
        assert read_run(path) is None
        assert read_facts(path) == NO_FACTS


@pytest.mark.parametrize(
    ("key", "value"),
    [("boot", -1), ("counter", 1.5), ("vote", [1, 2, 3]), ("vote", {}), ("lease_until", True), ("guard_until", None)],
)
def test_a_value_of_another_type_is_none(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "run.json"
    write_run(path, RUN, FACTS)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), key: value}))
    assert read_run(path) is None
    assert read_facts(path) == FACTS


@pytest.mark.parametrize(("key", "value"), [("service", None), ("prefix", 33), ("prefix", True), ("device", 1)])
def test_facts_are_known_whole_or_not_at_all(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "run.json"
    write_run(path, RUN, FACTS)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), key: value}))
    assert read_run(path) == RUN
    assert read_facts(path) == NO_FACTS


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match=r"none/run\.json: No such file or directory$"):
        write_run(tmp_path / "none" / "run.json", RUN, FACTS)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder on a tmpfs, as /run is."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


READER = """
import json, os, sys
print("reading", flush=True)
seen = set()
while not os.path.exists(sys.argv[2]):
    with open(sys.argv[1], "rb") as file:
        seen.add(json.loads(file.read())["counter"])
print(len(seen))
"""


def test_a_reader_never_sees_half(memory: Path) -> None:
    path, end = memory / "run.json", memory / "end"
    write_run(path, RUN, FACTS)
    command = [sys.executable, "-IS", "-c", READER, os.fspath(path), os.fspath(end)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        for counter in range(5000):
            write_run(path, RUN._replace(counter=counter), FACTS)
        end.touch()
        seen = int(reader.stdout.readline())
    assert reader.returncode == 0
    assert seen > 10
