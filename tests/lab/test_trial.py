"""Every action once, as an operator does it: by keys alone, in the console of a node, through a real sshd, at 80x24.

What stands on the screen is judged, and what became of the cluster. ``PICTURES=FOLDER`` keeps each dialog as SVG.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.lab.lab import Wanted
from coroctl.lab.run import until
from tests.lab.slow_line import HOST, Terminal, slow_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.lab.fixtures import MakeLab
    from coroctl.lab.handle import Lab

KBIT = 1000
SIZE = (80, 24)
AT = "node3"
"""Where the operator sits: never master, never killed."""
ACTING = ("Priority", "Promote", "Suspend", "Resume", "Confirm dead")

pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not Path("/usr/sbin/sshd").exists(), reason="openssh-server is not installed"),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.skipif(shutil.which("tc") is None, reason="tc (iproute2) is not installed"),
]


class Desk:
    """An operator's console."""

    def __init__(self, lab: Lab, terminal: Terminal, ssh: str, name: str = "") -> None:
        self.lab = lab
        self.terminal = terminal
        self.ssh = ssh
        self._name = name
        self._number = 0

    def open(self, *options: str) -> None:
        """Log in, and open it."""
        self.terminal.press(" ".join((self.ssh, "coroctl", *options)), "Enter")
        self.terminal.until("QUORATE", "Quit")

    def quit(self) -> None:
        self.terminal.calm()
        self.terminal.press("q")
        until(lambda: "QUORATE" not in self.terminal.screen(), 20, "the console to end")

    def press(self, *keys: str) -> None:
        """One after the other, as a person does."""
        for key in keys:
            self.terminal.calm()
            self.terminal.press(key)

    def see(self, what: str, *words: str, timeout_s: float = 60) -> str:
        """Wait for words, in any line; keep a picture. The screen as one line."""

        def look() -> str | None:
            seen = self.flat()
            return seen if all(word in seen for word in words) else None

        try:
            seen = until(look, timeout_s, f"{words} on the screen", every_s=0.05)
        except BaseException:
            print(self.terminal.screen())
            raise
        self.terminal.calm()
        self._number += 1
        if "PICTURES" in os.environ:
            self.terminal.picture(f"{self._name}{self._number:02}-{what}", SIZE[0])
        return seen

    def flat(self) -> str:
        """What stands there, without frames and however it is broken into lines."""
        return " ".join(self.terminal.screen().translate(dict.fromkeys(map(ord, "│┌┐└┘─"), " ")).split())

    def choose(self, node: str) -> None:
        """The cursor of the overview on that node."""
        number = self.lab.names.index(node)
        self.press("Home", *["Down"] * number)

    def on(self, node: str, key: str) -> None:
        """An action's key, on that node."""
        self.choose(node)
        self.press(key)

    def close(self) -> None:
        """The dialog."""
        self.press("Escape")
        self.terminal.until("Links", "Config")


def told(lab: Lab, *words: str) -> Any:
    return json.loads(lab.ask(AT, "coroctl", *words, "--json").stdout)


def role(lab: Lab, node: str) -> str:
    seen = lab.listing(AT)
    return seen.role.get(lab.plan.node(node).nodeid, "") if seen else ""


def wait_role(lab: Lab, node: str, wanted: str) -> None:
    until(lambda: role(lab, node) == wanted, 60, f"{node} to be {wanted}", every_s=0.2)


def priority(lab: Lab, node: str) -> int:
    rows = lab.tell(AT, "coroctl", "-l").splitlines()[2:]
    return next(int(row.split()[-1]) for row in rows if row.split()[0] == str(lab.plan.node(node).nodeid))


@pytest.fixture
def desk(make_lab: MakeLab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """node1 is master, node2 the next one."""
    lab = make_lab(Wanted(listener=True, machines=getattr(request, "param", 0)))
    wait_role(lab, "node1", "M")
    with slow_line(lab, AT, KBIT, SIZE, tmp_path) as (terminal, ssh):
        yield Desk(lab, terminal, ssh, request.node.originalname.removeprefix("test_") + "-")


def test_roles(desk: Desk) -> None:
    lab = desk.lab
    desk.open()
    desk.see("overview", "node1 is master")

    desk.on("node2", "p")
    desk.see("priority", "Priority node2", "node2 has 40 now", "New priority:")
    desk.press("x", "Enter")
    desk.see("priority-wrong", "'x' is no priority: a whole number from 0 to 1000000 is one")
    desk.press("BSpace", "5", "0", "Enter")
    desk.see("priority-preflight", "Priority node2 50", "What will happen", "priority of node2: 40 -> 50")
    assert priority(lab, "node2") == 40
    desk.press("Right", "Enter")
    desk.see("priority-done", "version 2 is loaded by node1, node2, node3", "ok, after", "What each node has now")
    assert priority(lab, "node2") == 50
    desk.close()

    desk.on("node2", "p")
    desk.see("priority-again", "node2 has 50 now")
    desk.press("2", "0", "0", "Enter")
    desk.see("priority-moves", "moves from node1 to node2", "Type the node's name, node2, to go on:")
    desk.press(*"node1", "Enter")
    desk.see("priority-mistyped", "to go on: node1")
    assert priority(lab, "node2") == 50
    desk.press("BSpace", "2")
    desk.see("priority-typed", "to go on: node2")
    desk.press("Enter")
    desk.see("priority-moved", "node1 has given the role up", "node2 is master", "ok, after")
    assert role(lab, "node2") == "M"
    desk.close()

    desk.on("node1", "P")
    desk.see("promote", "Promote node1", "moves from node2 to node1", "Type the node's name, node1, to go on:")
    desk.press(*"node1", "Enter")
    desk.see("promote-done", "node1 is master", "ok, after")
    assert role(lab, "node1") == "M"
    desk.close()

    desk.on("node2", "s")
    desk.see("suspend", "Suspend node2", "Type the node's name, node2, to go on:")
    desk.press(*"node2", "Enter")
    desk.see("suspend-done", "ok, after", "suspended")
    assert role(lab, "node2") == "suspended"
    desk.close()

    desk.on("node2", "r")
    desk.see("resume", "Resume node2", "What will happen")
    desk.press("Right", "Enter")
    desk.see("resume-done", "ok, after")
    wait_role(lab, "node2", "S")
    desk.close()

    desk.on("node2", "r")
    desk.see("nothing-to-do", "Nothing to do: node2 is not suspended")
    desk.close()

    desk.on("node2", "m")
    desk.see("menu", "node2", *ACTING)
    desk.press("Down", "Down", "Enter")
    desk.see("menu-chosen", "Suspend node2", "Type the node's name")
    desk.close()

    desk.choose("node2")
    desk.press("C-p")
    desk.see("palette", "Priority node2")
    desk.press(*"susp")
    desk.see("palette-searched", "Suspend node2")
    desk.press("Down", "Enter")
    desk.see("palette-chosen", "Suspend node2", "What will happen")
    desk.close()

    desk.on("node2", "D")
    seen = desk.see(
        "confirm-dead-refused", "Confirm dead node2", "It cannot be done now", "FAIL dead", "What would happen"
    )
    assert "to go on" not in seen
    desk.close()
    desk.quit()


def test_two_operators_and_a_lost_terminal(desk: Desk) -> None:
    lab = desk.lab
    desk.open()
    other = Desk(lab, desk.terminal.another("other", SIZE), desk.ssh, "other-")
    other.open()
    for one, value in ((desk, "60"), (other, "70")):
        one.on("node2", "p")
        one.press(*value, "Enter")
        one.see("looks", f"priority of node2: 40 -> {value}")
    desk.press("Right", "Enter")
    desk.see("first", "ok, after")
    other.press("Right", "Enter")
    other.see("second", "refused", "changed since you looked")
    assert priority(lab, "node2") == 60
    desk.close()

    other.close()
    other.on("node2", "P")
    other.see("promote", "Type the node's name")
    other.press(*"node2")
    other.terminal.press("Enter")
    other.terminal.until("Under way")
    other.terminal.vanish()
    wait_role(lab, "node2", "M")
    desk.see("promoted", "node2 is master")
    until(lambda: lab.ask(AT, "pgrep", "-fc", "bin/coroctl$").stdout.strip() == "1", 30, "the lost console to end")
    desk.quit()


def test_read_only(desk: Desk) -> None:
    desk.open("--read-only")
    desk.choose("node2")
    desk.see("overview", "node2")
    for key in ("m", "p", "P", "s", "r", "D"):
        desk.press(key)
    seen = desk.see("after-keys", "Links", "Config")
    assert "Cancel" not in seen
    desk.press("C-p")
    seen = desk.see("palette", "Links")
    assert not any(f"{word} node" in seen for word in ACTING)
    desk.press("Escape", "?")
    seen = desk.see("help", "Page down", "Sort by")
    assert not any(word in seen for word in ACTING)
    desk.press("?")
    desk.quit()


def test_who_is_outside_the_groups(desk: Desk) -> None:
    """Sees the file, and why there is no more; a change is refused, and somebody with rights can read who wanted it."""
    lab = desk.lab
    lab.tell(AT, "useradd", "--create-home", "jo")
    desk.terminal.press(f"{desk.ssh} runuser -u jo -- coroctl", "Enter")
    desk.see("overview", "ACCESS DENIED", "Quit")
    desk.on("node2", "p")
    desk.press("5", "Enter")
    desk.see("refused", "refused: corolistener answers root and members of group coroctl-admin only")
    desk.close()
    events = lab.tell(AT, "coroctl", "events", "--json").splitlines()
    [event] = [one for line in events if (one := json.loads(line))["event"] == "denied"]
    assert (event["details"]["user"], event["details"]["verb"]) == ("jo", "set-priority")
    assert event["origin"].endswith(f".{HOST}")


@pytest.mark.parametrize("desk", [3], indirect=True)
def test_machines(desk: Desk) -> None:
    lab = desk.lab
    for name, node in (("vm1", "node1"), ("vm2", "node2"), ("vm3", "node3")):
        adopted = lab.ask(AT, "coroctl", "machine", "adopt", name, node, "--yes", timeout_s=90)
        assert adopted.returncode == 0, adopted.stdout + adopted.stderr

    def placed() -> dict[str, str]:
        return {one["name"]: f"node{one['node']}" for one in told(lab, "machines")["machines"]}

    desk.open()
    desk.press("v")
    desk.see("machines", "vm1", "vm2", "vm3", "Move", "Forget")
    desk.press("Home", "M")
    desk.see("move", "Move vm1", "To which node:")
    desk.press(*"node7", "Enter")
    desk.see("move-wrong", "no other node is called 'node7'")
    desk.press("C-u", *"node2", "Enter")
    # The lab's nodes migrate to each other: nothing is interrupted, so no name need be typed.
    desk.see("move-preflight", "Move vm1 to node2", "vm1 (2 MiB) moves live from node1 to node2")
    desk.press("Right", "Enter")
    desk.see("move-done", "running on node2", "ok, after", timeout_s=120)
    assert placed()["vm1"] == "node2"
    desk.press("Escape")
    desk.press("End", "F")
    desk.see("forget", "Forget vm3", "What will happen")
    desk.press("Right", "Enter")
    desk.see("forget-done", "ok, after")
    desk.press("Escape")
    until(lambda: "vm3" not in desk.terminal.screen(), 20, "vm3 to go")
    assert set(placed()) == {"vm1", "vm2"}
    desk.press("Escape")

    lab.kill("node2")
    lab.wait("node2=left")
    desk.on("node2", "D")
    desk.see("confirm-dead", "Confirm dead node2", "Type the node's name, node2, to go on:")
    desk.press(*"node2", "Enter")
    desk.see("confirm-dead-done", "ok, after", timeout_s=90)
    assert "node2" not in placed().values()
    desk.close()
    desk.press("v")
    desk.see("machines-after", "vm1", "vm2")
    desk.press("Escape")
    desk.quit()
