"""What an operator asks for, as somebody who has just looked at a node: what they saw there goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import adoption, peers
from coroctl.decision.messages import ABOUT_MACHINES, Edit, Request, Verb
from coroctl.decision.state import Turn
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId
    from coroctl.sim.machine import Machine


def wish(machine: Machine, verb: Verb, node: NodeId, value: int, name: str) -> Request:
    """The request. The value of RESTORE is a version; of ADOPT the node may be NOBODY: the majority's file."""
    turn = surveyed(machine)
    held = [news.tenure.term for news in turn.heard.values() if news.tenure is not None]
    own = turn.claim.tenure
    term, seen = max([*held, own.term if own is not None else 0]), turn.files.settings.identity
    match verb:
        case Verb.RESTORE:
            former = former_of(machine, value)
            edit = Edit(verb, NOBODY, text=f"{former.version} {former.digest}")
        case Verb.ADOPT:
            edit, seen = Edit(verb, node), adoption.target(turn, node) or seen
        case _:
            edit = Edit(verb, node, value)
    return Request(name, edit, machine.node, term, seen)


def surveyed(machine: Machine) -> Turn:
    """What the node's daemon knows at this moment."""
    assert machine.state is not None
    turn = Turn(machine.state, machine.clock.read(machine.cluster.timeline.now), 0)
    peers.survey(turn)
    return turn


def former_of(machine: Machine, version: int) -> Identity:
    """The newest file in the machine's history up to that version; else the oldest."""
    return max((one for one in machine.history if one.version <= version), default=machine.history[0])


def in_words(request: Request) -> str:
    """What is asked for."""
    edit = request.edit
    match edit.verb:
        case Verb.RESTORE:
            return f"restore {edit.former}"
        case Verb.ADOPT:
            return f"adopt {request.identity}"
        case verb if verb in ABOUT_MACHINES:
            cold = "cold" if edit.value else ""
            return " ".join(word for word in (verb.value, edit.text, str(edit.node), cold) if word)
        case _:
            return f"{edit.verb.value} {edit.node}{f' {edit.value}' if edit.value else ''}"
