"""One node of a running lab: its power, its processes, and commands on it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from enum import Enum
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import cgroups, network, processes
from coroctl.lab.run import attempt, run, until

if TYPE_CHECKING:
    from coroctl.lab.plan import NodePlan, Plan

BOOT_TIMEOUT_S = 90
EVERYTHING = "all"
SERVICES = ("corosync", "corolistener")

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Power(Enum):
    """Whether a node is switched on."""

    RUNNING = "running"
    OFF = "off"


def power(plan: Plan, node: NodePlan) -> Power:
    """A node is on while its keeper holds the lock."""
    try:
        with (plan.node_folder(node) / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return Power.OFF
    except BlockingIOError:
        return Power.RUNNING
    return Power.OFF


def init_pid(plan: Plan, node: NodePlan) -> int | None:
    """The node's first process, seen from the host; None while it is off or only beginning to boot."""
    try:
        nspawn = int((plan.node_folder(node) / "nspawn").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return processes.init_of(nspawn)


def switch_on(plan: Plan, node: NodePlan) -> None:
    """Begin to boot the node; `wait_booted` waits for the end of it."""
    folder = plan.node_folder(node)
    with (folder / "lock").open("w") as lock, (folder / "console.log").open("ab") as console:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"{node.name} is running already") from None
        (folder / "booted").unlink(missing_ok=True)
        keeper = [sys.executable, "-P", "-m", "coroctl.lab.keeper", plan.name, node.name, str(lock.fileno())]
        subprocess.run(
            ["setsid", "--fork", "unshare", "--mount", "--propagation", "private", *keeper],
            pass_fds=[lock.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            check=True,
            cwd="/",
        )


def wait_booted(plan: Plan, node: NodePlan) -> None:
    """Wait until the node's init says that it is up; LabError with the end of its boot log if it ends instead."""
    booted = plan.node_folder(node) / "booted"

    def up() -> bool:
        if power(plan, node) is Power.OFF:
            raise LabError(f"{node.name} went off while booting")
        return booted.exists() and init_pid(plan, node) is not None

    try:
        until(up, BOOT_TIMEOUT_S, f"{node.name} to boot")
    except LabError as error:
        raise LabError(f"{error}; the end of its console:\n{console_tail(plan, node)}") from None


def console_tail(plan: Plan, node: NodePlan, lines: int = 15) -> str:
    """The last lines that the node wrote on its console."""
    text = (plan.node_folder(node) / "console.log").read_text(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def switch_off(plan: Plan, node: NodePlan) -> None:
    """Power off: the cables first, then every process at once, as when a plug is pulled. Off already: nothing."""
    network.remove_cables(plan, node)

    def dark() -> bool:
        keepers = _keepers(plan, node)
        machine = [pid for pid in processes.of_group(plan.cgroup(node)) if pid not in keepers]
        if not machine and power(plan, node) is Power.OFF:
            return True
        # The keeper sees the machine end and follows; before there is a machine it has to be told.
        processes.send(machine or keepers, signal.SIGKILL)
        return False

    until(dark, 30, f"{node.name} to go off", every_s=0.005)
    network.remove_cables(plan, node)
    (plan.node_folder(node) / "nspawn").unlink(missing_ok=True)
    cgroups.remove(plan.cgroup(node))


def _keepers(plan: Plan, node: NodePlan) -> list[int]:
    """The node's keeper, or the programs that are about to become it."""
    return processes.running(["coroctl.lab.keeper", plan.name, node.name])


def enter(plan: Plan, node: NodePlan, *, terminal: bool = False) -> list[str]:
    """The words before a command that make it run on the node, with a plain environment."""
    init = init_pid(plan, node)
    if init is None:
        raise LabError(f"{node.name} is off (coroctl lab start {node.name} --name {plan.name})")
    environment = [f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8"]
    environment += [f"{name}={os.environ[name]}" for name in ("TERM", "COLORTERM", "NO_COLOR") if name in os.environ]
    words = ["nsenter", f"--target={init}", "--all", "env", "-i", *environment]
    return [*words, "script", "-qec"] if terminal else words


def execute(plan: Plan, node: NodePlan, command: list[str]) -> int:
    """Run a command on the node with the caller's own stdin, stdout and stderr; its exit code."""
    return subprocess.run([*enter(plan, node), *command], check=False).returncode


def open_terminal(plan: Plan, node: NodePlan, command: str) -> int:
    """Run a shell command on the node on a terminal of the node's own; its exit code."""
    return subprocess.run([*enter(plan, node, terminal=True), command, "/dev/null"], check=False).returncode


def ask(plan: Plan, node: NodePlan, *command: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a command on the node and collect what it prints, whatever its exit code."""
    return attempt([*enter(plan, node), *command], timeout_s=timeout_s)


def tell(plan: Plan, node: NodePlan, *command: str, timeout_s: float = 30) -> str:
    """Run a command on the node that has to succeed; what it printed."""
    return run([*enter(plan, node), *command], timeout_s=timeout_s)


def freeze(plan: Plan, node: NodePlan, what: str) -> None:
    """SIGSTOP a service's processes, or with ``all`` every process of the node; it returns when they stand still."""
    _running_init(plan, node)

    def stand_still() -> bool:
        moving = [pid for pid in _pids(plan, node, what) if not processes.is_stopped(pid)]
        processes.send(moving, signal.SIGSTOP)
        return not moving

    until(stand_still, 10, f"{what} on {node.name} to stand still", every_s=0.001)


def thaw(plan: Plan, node: NodePlan, what: str) -> None:
    """SIGCONT what `freeze` stopped."""
    processes.send(_pids(plan, node, what), signal.SIGCONT)


def kill_processes(plan: Plan, node: NodePlan, what: str) -> None:
    """SIGKILL a service's processes, or with ``all`` every process of the node but its init."""
    init = _running_init(plan, node)
    processes.send([pid for pid in _pids(plan, node, what) if pid != init], signal.SIGKILL)


def _running_init(plan: Plan, node: NodePlan) -> int:
    init = init_pid(plan, node)
    if init is None:
        raise LabError(f"{node.name} is off")
    return init


def _pids(plan: Plan, node: NodePlan, what: str) -> list[int]:
    init = _running_init(plan, node)
    found = processes.inside(init) if what == EVERYTHING else processes.of_unit(init, f"{what}.service")
    if not found:
        raise LabError(f"{what} does not run on {node.name}")
    return found
