"""The operator's actions: one registry for command line and console, so that help, questions and rights agree.

Also the values that a preflight and a change end in. Knows words only: nobody is asked here, and nothing is shown.
"""

from __future__ import annotations

import shlex
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from coroctl.model import NodeId, Snapshot

GROUP = "coroctl-admin"
"""Who may change anything; root always may."""
LARGEST_PRIO = 1_000_000


class Risk(Enum):
    """What an action can do to service, at worst."""

    NONE = "interrupts nothing"
    MAY_MOVE = "may move the address and the manager"
    MOVES = "moves the address and the manager"
    STOPS_MACHINE = "stops a machine and starts it elsewhere"
    RUNS_TWICE = "lets machines run twice, if the node is not dead"


class Verdict(Enum):
    """Of one check."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"


class Action(NamedTuple):
    """One thing that an operator may do, to a node, a virtual machine or the configuration file."""

    name: str
    """Of the command, and in menus."""
    verb: str
    """On the control socket."""
    key: str
    """In the console; empty: it is not offered there, as more is to be done than to choose a node."""
    label: str
    """A word for a menu or a footer."""
    help: str
    """One line, for ``coroctl --help`` and the console's palette."""
    risk: Risk
    typed: bool
    """The node's name is typed before it is done, whatever the preflight says."""
    takes_value: bool = False
    """It needs a priority."""
    takes_node: bool = False
    """It needs a node, beside the machine that it is about."""


PRIORITY = Action(
    "priority", "set-priority", "p", "Priority", "set a node's priority: the largest is master", Risk.MAY_MOVE,
    typed=False, takes_value=True,
)  # fmt: skip
PROMOTE = Action(
    "promote", "promote", "P", "Promote", "make a node the master, with the largest priority", Risk.MOVES, typed=True
)
SUSPEND = Action(
    "suspend", "suspend", "s", "Suspend", "let a node hold and start nothing until resumed",
    Risk.MAY_MOVE, typed=True,
)  # fmt: skip
RESUME = Action("resume", "resume", "r", "Resume", "end a node's suspension", Risk.MAY_MOVE, typed=False)

NODE_ADD = Action(
    "node add", "node-add", "", "Add", "make every node know another one, and say what to run there",
    Risk.NONE, typed=False,
)  # fmt: skip
NODE_REMOVE = Action(
    "node remove", "node-remove", "", "Remove", "make every node forget one", Risk.MAY_MOVE, typed=True
)
RESTORE = Action(
    "conf restore", "conf-restore", "", "Restore", "make a former file the next version, on every node",
    Risk.MAY_MOVE, typed=False,
)  # fmt: skip
ADOPT = Action(
    "conf adopt", "conf-adopt", "", "Adopt", "let this node take the cluster's file over its own",
    Risk.MAY_MOVE, typed=False,
)  # fmt: skip

MACHINE_ADOPT = Action(
    "machine adopt", "machine-adopt", "", "Adopt", "let corolistener manage a machine of a node's hypervisor",
    Risk.NONE, typed=False,
)  # fmt: skip
MACHINE_FORGET = Action(
    "machine forget", "machine-forget", "F", "Forget", "manage a machine no more; it stays as it is",
    Risk.NONE, typed=False,
)  # fmt: skip
MACHINE_MOVE = Action(
    "machine move", "machine-move", "M", "Move", "move a machine: live if that is set up, else stopped and started",
    Risk.STOPS_MACHINE, typed=False, takes_node=True,
)  # fmt: skip
CONFIRM_DEAD = Action(
    "confirm-dead", "confirm-dead", "D", "Confirm dead",
    "a lost node has no power: recover its machines",
    Risk.RUNS_TWICE, typed=True,
)  # fmt: skip

ACTIONS = (
    PRIORITY, PROMOTE, SUSPEND, RESUME, NODE_ADD, NODE_REMOVE, RESTORE, ADOPT,
    MACHINE_ADOPT, MACHINE_FORGET, MACHINE_MOVE, CONFIRM_DEAD,
)  # fmt: skip
ABOUT_MACHINES = frozenset({MACHINE_ADOPT, MACHINE_FORGET, MACHINE_MOVE, CONFIRM_DEAD})
"""These change no configuration."""
ON_MACHINES = (MACHINE_MOVE, MACHINE_FORGET)
"""In the console: a machine that is to be adopted stands in no list there."""
IN_CONSOLE = tuple(one for one in ACTIONS if one.key and one not in ON_MACHINES)
"""In the console, on a node."""


class Check(NamedTuple):
    """One check of a preflight."""

    name: str
    verdict: Verdict
    reason: str
    safety: bool
    """Nobody can force it."""


class Effect(NamedTuple):
    """One thing that will happen."""

    what: str
    text: str


class Seen(NamedTuple):
    """What the person saw who asks for a change: it is refused if that has moved on."""

    term: int
    version: int
    digest: str


class Ask(NamedTuple):
    """An action, on a node by its identity (0: on none in particular)."""

    action: Action
    node: NodeId
    value: int | None = None
    force: frozenset[str] = frozenset()
    words: tuple[str, ...] | None = None
    """What stands on the command line; None: the node, and the value."""
    name: str = ""
    """Of a node that is to be added."""
    addresses: tuple[str, ...] = ()
    """Its links' addresses."""
    former: tuple[int, str] = (0, "")
    """Version and sha256 of the file that is to be restored."""
    machine: str = ""
    """The virtual machine that it is about."""
    cold: bool = False
    """It is moved by stopping and starting it, also where it could be live."""

    def arguments(self) -> dict[str, object]:
        """The verb's own ones on the control socket."""
        found: dict[str, object] = {} if self.value is None else {"value": self.value}
        if self.name:
            found.update(name=self.name, addresses=list(self.addresses))
        if self.machine:
            found["machine"] = self.machine
        if self.cold:
            found["cold"] = True
        if self.former[1]:
            found["former"] = {"version": self.former[0], "digest": self.former[1]}
        return found


class Outlook(NamedTuple):
    """A preflight's answer."""

    name: str
    """Of the node; ``node 4`` if it has none."""
    seen: Seen
    checks: tuple[Check, ...]
    effects: tuple[Effect, ...]
    nothing: str
    """Why there is nothing to do; empty if there is."""
    loses: NodeId | None
    """Who has the address and will not have it."""
    gains: NodeId | None
    delay_s: float
    """Until the address begins to move, at least."""
    interrupts: bool
    risks_quorum: bool
    difference: tuple[str, ...] = ()
    """Line by line, where the file as a whole becomes another one."""

    def failing(self, force: frozenset[str]) -> tuple[Check, ...]:
        """The checks that stand in the way."""
        return tuple(
            one for one in self.checks if one.verdict is Verdict.FAIL and (one.safety or one.name not in force)
        )


class ActionError(CoroctlError):
    """An action that makes no sense as it was given."""


def must_type(action: Action, outlook: Outlook) -> bool:
    """Whether the node's name is to be typed: where service is interrupted, or quorum could be lost."""
    return action.typed or outlook.interrupts or outlook.risks_quorum


def to_type(ask: Ask, outlook: Outlook) -> str:
    """The word that is to be typed: the node's name, else its id; of a former file its version; a machine's name."""
    if ask.former[1]:
        return str(ask.former[0])
    if ask.machine:
        return ask.machine
    return str(ask.node) if outlook.name.startswith("node ") else outlook.name


def what_to_type(ask: Ask) -> str:
    """What that word is."""
    return "version" if ask.former[1] else "machine's name" if ask.machine else "node's name"


def check_force(outlook: Outlook, force: frozenset[str]) -> None:
    """ActionError if somebody wants to override what is no check, or one of safety."""
    known = {one.name: one for one in outlook.checks}
    for name in sorted(force):
        if name in known and known[name].safety:
            raise ActionError(f"--force {name}: a safety check cannot be forced")
        if name not in known:
            forceable = ", ".join(one.name for one in outlook.checks if not one.safety)
            raise ActionError(f"--force {name}: no such check; these may be forced here: {forceable}")


def command_line(ask: Ask, name: str) -> str:
    """What a person types to do the same."""
    words = ["coroctl", *ask.action.name.split()]
    if ask.words is not None:
        words += ask.words
    else:
        words.append(name if name and not name.startswith("node ") else str(ask.node))
        words += [] if ask.value is None else [str(ask.value)]
    for check in sorted(ask.force):
        words += ["--force", check]
    return shlex.join(words)


def find_node(snapshot: Snapshot, word: str) -> NodeId:
    """The node of that name, else of that id. ActionError if there is none, or more than one."""
    named = [node.nodeid for node in snapshot.nodes if node.name == word]
    if len(named) > 1:
        ids = ", ".join(str(nodeid) for nodeid in named)
        raise ActionError(f"more than one node is named {word}: say which id ({ids})")
    by_id = [node.nodeid for node in snapshot.nodes if str(node.nodeid) == word]
    if named and by_id and named != by_id:
        raise ActionError(
            f"{word} is the name of node {named[0]} and the id of another one: say {named[0]} if you mean it"
        )
    found = named or by_id
    if not found:
        names = ", ".join(node.name or str(node.nodeid) for node in snapshot.nodes)
        raise ActionError(f"no node is called {word!r}; there are {names or 'none'}")
    return found[0]
