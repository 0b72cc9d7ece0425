"""The power switch of a lab, outside its nodes: ``python -m coroctl.lab.power LAB LISTENING``, one process a lab.

Answers one question a connection, ``off NODE`` or ``status NODE``, by an agent's exit code and a word; in the way that
`fencing.Mode` says of that node. And it plays every node's watchdog: whatever is written into the node's FIFO starts
its count anew, the magic character V stops it, and when it has run out the node that fed it last is switched off.
LISTENING is an inherited socket.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from threading import Thread
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import fencing, node
from coroctl.lab.cgroups import enter
from coroctl.lab.fencing import Mode
from coroctl.lab.node import Power
from coroctl.lab.plan import load

if TYPE_CHECKING:
    from coroctl.lab.plan import NodePlan, Plan

DONE, FAILED, OFF = 0, 1, 2
SLOW_S = 4.0
MAGIC = b"V"

_QUESTION_S = 5.0


def main() -> None:
    """Serve until killed."""
    plan = load(sys.argv[1])
    enter(fencing.cgroup(plan))
    listening = socket.socket(fileno=int(sys.argv[2]))
    listening.set_inheritable(False)
    if plan.fencing == "watchdog":
        for each in plan.nodes:
            Thread(target=watch, args=(plan, each, fencing.WATCHDOG_S), daemon=True).start()
    while True:
        client, _ = listening.accept()
        Thread(target=_serve, args=(plan, client), daemon=True).start()


def _serve(plan: Plan, client: socket.socket) -> None:
    with client:
        try:
            client.settimeout(_QUESTION_S)
            action, _, name = client.recv(4096).decode(errors="replace").strip().partition(" ")
            each = plan.node(name)
            mode = fencing.mode(plan, each)
            if mode is Mode.HANG:
                _say(f"{name}: {action} is not answered")
                client.settimeout(None)
                client.recv(1)  # until the agent is gone
                return
            code, text = answer(plan, each, action, mode)
            _say(f"{name}: {action} ({mode.value}): {text}")
            client.sendall(f"{code} {text}\n".encode())
        except LabError as error:
            _say(str(error))
            client.sendall(f"{FAILED} {error}\n".encode())
        except OSError as error:  # the agent did not wait
            _say(f"an agent was not told: {error}")


def answer(plan: Plan, each: NodePlan, action: str, mode: Mode) -> tuple[int, str]:
    """Do it, in the way that is wanted of this node; the agent's exit code and its words."""
    match action, mode:
        case "status", Mode.LIE:
            return OFF, "off"
        case "status", _:
            state = node.power(plan, each)
            return (OFF if state is Power.OFF else DONE), state.value
        case "off", Mode.FAIL:
            return FAILED, "the outlet does not switch"
        case "off", Mode.LIE | Mode.DEAF:
            return DONE, "done"
        case "off", _:
            if mode is Mode.SLOW:
                time.sleep(SLOW_S)
            node.switch_off(plan, each)
            return DONE, "done"
        case _:
            return FAILED, f"{action!r} is not known here: off, status"


def watch(plan: Plan, each: NodePlan, timeout_s: float) -> None:
    """One node's watchdog."""
    # Read and write: so it never ends, however often its writers come and go.
    descriptor = os.open(fencing.fifo(plan, each), os.O_RDWR | os.O_CLOEXEC)
    fires_at: float | None = None
    life = ""
    while True:
        left = max(fires_at - time.monotonic(), 0) if fires_at is not None else None
        if select.select([descriptor], [], [], left)[0]:
            stopped = os.read(descriptor, 4096).endswith(MAGIC)
            if stopped or fires_at is None:
                _say(f"{each.name}: its watchdog {'stands still' if stopped else 'counts'}")
            fires_at = None if stopped else time.monotonic() + timeout_s
            life = _life(plan, each)
            continue
        fires_at = None
        # Hardware forgets with the power; another life of the node has not begun to feed yet.
        if life and life == _life(plan, each):
            _say(f"{each.name}: its watchdog fires")
            node.switch_off(plan, each)
            _say(f"{each.name}: off")


def _life(plan: Plan, each: NodePlan) -> str:
    """Of the node as it is now; empty: it is off."""
    try:
        return (plan.node_folder(each) / "nspawn").read_text()
    except FileNotFoundError:
        return ""


def _say(text: str) -> None:
    print(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f} {text}", flush=True)


if __name__ == "__main__":
    main()
