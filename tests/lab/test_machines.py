"""A lab with machines: guests that count, where they run, and the driver against libvirtd and qemu on a node."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.errors import LabError
from coroctl.lab import lab as labs
from coroctl.lab import machines
from coroctl.lab.checker.checker import Checker
from coroctl.lab.guest import LINE
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted
from coroctl.lab.processes import this_process
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two nodes; vm1 and vm3 run on the first."""
    try:
        machines.check_host(3)
    except LabError as error:
        pytest.skip(str(error))
    name = f"t{os.getpid()}-vm"
    yield Lab(labs.up(Wanted(name=name, nodes=2, token_ms=1000, machines=3), owner=this_process()))
    labs.down(name)


def lines(lab: Lab, node: str, name: str) -> list[int]:
    path = machines.writes(lab.plan, lab.plan.node(node)) / name
    data = path.read_bytes() if path.exists() else b""
    return [int(line, 16) for line in data[: len(data) // LINE * LINE].split()]


def test_each_machine_counts_on_its_node_and_nowhere_else(lab: Lab) -> None:
    for name, at, other in (("vm1", "node1", "node2"), ("vm2", "node2", "node1"), ("vm3", "node1", "node2")):
        until(lambda at=at, name=name: len(lines(lab, at, name)) > 5, 10, f"{name} to count")  # type: ignore[misc]
        counts = lines(lab, at, name)
        assert counts == list(range(1, len(counts) + 1))
        assert lines(lab, other, name) == []


def test_none_of_them_starts_by_itself(lab: Lab) -> None:
    assert lab.tell("node1", "virsh", "-q", "list", "--all", "--name", "--autostart").split() == []


@pytest.mark.timeout(300)
def test_the_driver_on_a_node(lab: Lab) -> None:
    pytest.importorskip("libvirt", reason="libvirt-python is not installed (scripts/debian-packages libvirt)")
    environment = ("COROCTL_ON_NODE=1", f"PYTHONPATH={TOP}", "PYTHONDONTWRITEBYTECODE=1")
    words = (
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--durations=5",
        f"--rootdir={TOP}",
        "-c",
        f"{TOP}/pyproject.toml",
    )
    file = str(TOP / "tests/on_node/machines")
    answer = lab.ask("node1", "env", *environment, sys.executable, *words, file, timeout_s=290)
    print(answer.stdout)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_second_start_is_flagged_and_a_move_is_not(lab: Lab) -> None:
    with Checker(lab) as checker:
        checker.wait_running("vm1", "node1")
        lab.tell("node1", "virsh", "migrate", "--live", "--p2p", "vm1", "qemu+tcp://node2/system")
        checker.wait_running("vm1", "node2")
        lab.tell("node2", "virsh", "suspend", "vm1")
        checker.wait_running("vm1")
        lab.tell("node2", "virsh", "resume", "vm1")
        checker.wait_running("vm1", "node2")
        assert checker.report().violations == ()

        start_too(lab, "node1")
        # Both write now: but the second's first write must have been followed by one of the first's.
        until(lambda: bool(checker.report().machines), 30, "vm1 to be seen on both nodes")
        lab.tell("node2", "virsh", "destroy", "vm1")
        checker.wait_running("vm1", "node1")
        report = checker.report()
        print(report)
        assert [one.machine for one in report.machines] == ["vm1"]
        assert [line.partition(" ms")[0].rpartition(" ")[0] for line in report.violations] == [
            "P2: vm1 ran on node1 and node2 for"
        ]
        checker.mark()
        checker.wait_running("vm1", "node1")
        assert checker.report().violations == ()


def start_too(lab: Lab, name: str) -> None:
    """As somebody would who does not know of the other one."""
    lab.tell(name, "sh", "-ec", f"virsh define /dev/stdin <<'END' && virsh start vm1\n{machines.xml('vm1')}END")


def test_a_lab_has_not_any_number_of_machines() -> None:
    with pytest.raises(LabError, match="a lab has 1 to 200 machines, not 201"):
        machines.check_host(201)
