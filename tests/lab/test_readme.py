"""The program in docs/corosync-from-python.md does what it says, on a cluster that loses a node and its corosync."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import pytest

from coroctl.lab import node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.lab.handle import Lab

TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.lab


class Output:
    """The lines of a running program, as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: SimpleQueue[str] = SimpleQueue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def until(self, pattern: str) -> list[str]:
        """The lines up to the first that matches; AssertionError if it does not come within 20 s."""
        seen: list[str] = []
        while True:
            try:
                seen.append(self.lines.get(timeout=20))
            except Empty:
                raise AssertionError(f"no line like {pattern!r}; so far: {seen}") from None
            if re.fullmatch(pattern, seen[-1]):
                return seen


@pytest.fixture
def output(three_nodes: Lab) -> Iterator[Output]:
    """What the program prints on node1."""
    [program] = re.findall(r"```python\n(.*?)```", (TOP / "docs/corosync-from-python.md").read_text(), re.DOTALL)
    Path(f"/proc/{three_nodes.init_pid('node1')}/root/root/members.py").write_text(program)
    command = [*node.enter(three_nodes.plan, three_nodes.plan.node("node1")), sys.executable, "/root/members.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        running = Output(process)
        yield running
        three_nodes.tell("node1", "pkill", "-f", "/root/members.py")
        running.reader.join(10)


def test_membership_changes_as_they_happen(output: Output, three_nodes: Lab) -> None:
    output.until(r"members \(1, 2, 3\).*")
    three_nodes.kill("node3")
    output.until(r"members \(1, 2\) joined \(\) left \(3,\)")

    three_nodes.kill_processes("node1", "corosync")
    output.until(r"no corosync: .*")
    three_nodes.tell("node1", "systemctl", "start", "corosync")
    output.until(r"members \(1, 2\).*")

    three_nodes.start("node3")
    output.until(r"members \(1, 2, 3\) joined \(3,\) left \(\)")
