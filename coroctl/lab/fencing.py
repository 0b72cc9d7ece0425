"""Fencing in a lab: what a node has of it, the power switch's beginning and end, and how the switch treats a node.

With `agent` the nodes call fence_coroctl (`fence_agent`), which asks the switch (`power`) outside the nodes. With
`watchdog` the switch plays the hardware: it counts each node's FIFO, and switches a node off that stops feeding it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import cgroups, fence_agent, installation, processes
from coroctl.lab.run import until

if TYPE_CHECKING:
    from coroctl.lab.plan import NodePlan, Plan

KINDS = ("agent", "watchdog")
WATCHDOG = "/srv/coroctl-lab/watchdog"
"""Where every node has its own FIFO."""
WATCHDOG_S = 5
AGENT = "usr/sbin/fence_coroctl"
CALL_S = 10
"""What the nodes' fence.conf gives the agent; `HANG` takes longer."""

_PROGRAM = "coroctl.lab.power"


class Mode(Enum):
    """What the power switch does when a node is to be switched off."""

    OK = "ok"
    FAIL = "fail"
    """It says that it could not, and has not."""
    HANG = "hang"
    """It never answers, and does nothing."""
    DEAF = "deaf"
    """It says done and does nothing; asked for the status it says on."""
    LIE = "lie"
    """It says done and does nothing; asked for the status it says off."""
    SLOW = "slow"
    """It does it, after some seconds."""


def folder(plan: Plan) -> Path:
    """The power switch's own, seen from the host."""
    return plan.folder / "power"


def fifo(plan: Plan, node: NodePlan) -> Path:
    """The node's watchdog, seen from the host."""
    return folder(plan) / f"watchdog-{node.name}"


def log(plan: Plan) -> list[str]:
    """What the switch has done, a line each."""
    return (folder(plan) / "log").read_text().splitlines()


def mode(plan: Plan, node: NodePlan) -> Mode:
    """How the switch treats the node at present."""
    noted = folder(plan) / f"mode-{node.name}"
    return Mode(noted.read_text()) if noted.exists() else Mode.OK


def set_mode(plan: Plan, node: NodePlan, wanted: Mode) -> None:
    """From the next call on."""
    if plan.fencing != "agent":
        raise LabError(f"lab {plan.name} has no fence agent (coroctl lab up --fencing agent)")
    draft = folder(plan) / f"mode-{node.name}.new"
    draft.write_text(wanted.value)
    draft.replace(folder(plan) / f"mode-{node.name}")


def binds(plan: Plan, node: NodePlan) -> tuple[tuple[Path, str], ...]:
    """(path of the host, where the node has it), writable."""
    match plan.fencing:
        case "agent":
            return ((folder(plan), str(Path(fence_agent.SWITCH).parent)),)
        case "watchdog":
            return ((fifo(plan, node), WATCHDOG),)
        case _:
            return ()


def keys(plan: Plan) -> dict[str, str]:
    """What corolistener's section says of it."""
    match plan.fencing:
        case "agent":
            return {"fencing": "agent"}
        case "watchdog":
            return {"fencing": "watchdog", "watchdog_device": WATCHDOG, "watchdog_s": str(WATCHDOG_S)}
        case _:
            return {}


def files(plan: Plan) -> dict[str, tuple[str, int]]:
    """What a node's disk has more: path below the root -> text and mode."""
    if plan.fencing != "agent":
        return {}
    program = Path(fence_agent.__file__).read_text(encoding="utf-8")
    nodes = "".join(f"\n[{each.name}]\nplug = {each.name}\n" for each in plan.nodes)
    return {
        AGENT: (f"#!{installation.python()} -IS\n{program}", 0o755),
        "etc/corolistener/fence.conf": (f"[*]\nagent = {Path(AGENT).name}\ntimeout_s = {CALL_S}\n{nodes}", 0o600),
    }


def begin(plan: Plan) -> None:
    """Start the power switch. It listens when this returns."""
    if not plan.fencing:
        return
    folder(plan).mkdir(mode=0o700)
    for each in plan.nodes:
        os.mkfifo(fifo(plan, each), 0o600)
    with socket.socket(socket.AF_UNIX) as listening, (folder(plan) / "log").open("ab") as log_file:
        listening.bind(str(folder(plan) / Path(fence_agent.SWITCH).name))
        listening.listen(64)
        subprocess.run(
            ["setsid", "--fork", sys.executable, "-P", "-m", _PROGRAM, plan.name, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            check=True,
            cwd="/",
        )


def end(plan: Plan) -> None:
    """Stop the power switch, whatever it is doing."""
    if not plan.fencing:
        return

    def gone() -> bool:
        found = processes.running([_PROGRAM, plan.name])
        processes.send(found, signal.SIGKILL)
        return not found

    until(gone, 10, f"the power switch of lab {plan.name} to end", every_s=0.005)
    cgroups.remove(cgroup(plan))


def cgroup(plan: Plan) -> str:
    """The switch's own control group: by its name `gc` knows what it belongs to."""
    return f"coroctl-lab-clab{plan.index}-power"
