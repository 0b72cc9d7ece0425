"""What this node's corolistener shows of a change about machines that is under way: given up, given, running.

Of the inventory it knows what the daemon tells of it (docs/control-sockets.md). Losing sight of it harms nothing.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from coroctl.actions import CONFIRM_DEAD, MACHINE_ADOPT, MACHINE_FORGET, MACHINE_MOVE
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from coroctl.actions import Ask
    from coroctl.client import Client, Json
    from coroctl.sight import NodeReport

SETTLE_S = 90.0
"""A guest that does not heed a shutdown is switched off after 60 s: a move is to be seen beyond that."""
NAMED = 8
"""Machines that are named; of more only the number is told."""


class MachineSight:
    """The change, while `look` is called."""

    settle_s = SETTLE_S

    def __init__(self, client: Client, ask: Ask) -> None:
        self._client = client
        self._ask = ask
        self._names = self._ask_names()
        self._told = self._ask_daemon()
        self._concerned = frozenset(name for name, one in self._machines().items() if self._is_meant(one))
        """Of confirm-dead: what the node had that was to run."""
        self._before = self._states()
        self._position = self._where()
        """What is told of an earlier move is as old as this."""

    def close(self) -> None:
        """There is no stream to end."""

    def look(self, wait_s: float, other: int | None = None) -> list[str]:
        """Wait so long, or for that file descriptor; what is new, in words."""
        select.select([] if other is None else [other], [], [], wait_s)
        self._told = self._ask_daemon() or self._told
        now, before = self._states(), self._before
        self._before = now
        return [f"{name}: {state}" for name, state in sorted(now.items()) if before.get(name) != state]

    def under_way(self) -> bool:
        """Whether a machine is being copied: that ends by itself, well or not."""
        known = self._machines().get(self._ask.machine, {})
        return self._ask.action is MACHINE_MOVE and bool(known.get("live"))

    def has_failed(self) -> bool:
        """Whether it has come to nothing, so that nothing more is to be waited for. Of a change that was made."""
        known = self._machines().get(self._ask.machine, {})
        stays = bool(known.get("stayed")) and not known["moving_to"]
        return self._ask.action is MACHINE_MOVE and stays and self._where() != self._position

    def missing(self) -> str:
        """What has not happened yet; empty: everything has, or it cannot be seen from here."""
        if self._told is None:
            return "this node's corolistener does not tell what has become of it"
        if self._told["inventory"]["position"] is None:
            return ""
        known = self._machines().get(self._ask.machine)
        if self._ask.action is CONFIRM_DEAD:
            return self._not_recovered()
        if self._ask.action is MACHINE_FORGET:
            return "" if known is None else f"{self._ask.machine} is still in the inventory of this node"
        if known is None:
            return f"{self._ask.machine} is not in the inventory of this node yet"
        return "" if self._ask.action is MACHINE_ADOPT or self._has_moved(known) else self._not_moved(known)

    def nodes(self, *, made: bool) -> tuple[NodeReport, ...]:  # noqa: ARG002 - as Sight has it
        """No node has loaded anything."""
        return ()

    def _ask_names(self) -> dict[int, str]:
        try:
            rows = self._client.snapshot()["nodes"]
        except CoroctlError:
            return {}
        return {row["nodeid"]: row["name"] for row in rows if row["name"]}

    def _node(self, node: int) -> str:
        return self._names.get(node, f"node {node}")

    def _ask_daemon(self) -> Json | None:
        try:
            return self._client.machines()
        except CoroctlError:
            return None

    def _machines(self) -> dict[str, Json]:
        return {one["name"]: one for one in self._told["machines"]} if self._told else {}

    def _is_meant(self, one: Json) -> bool:
        if self._ask.action is CONFIRM_DEAD:
            return bool(one["node"] == self._ask.node and one["wanted"] == "running")
        return bool(one["name"] == self._ask.machine)

    def _where(self) -> str | None:
        """The newest operation that this node knows."""
        return self._told["inventory"]["position"] if self._told and self._told["inventory"] else None

    def _states(self) -> dict[str, str]:
        names = self._concerned | {self._ask.machine}
        return {name: self._state(one) for name, one in self._machines().items() if name in names}

    def _state(self, one: Json) -> str:
        if one["moving_to"] and one["live"]:
            return self._on_its_way(one)
        if one["moving_to"]:
            return f"{self._node(one['node'])} is asked to give it up for {self._node(one['moving_to'])}"
        if one["node"] is None:
            return "no node has it"
        if one["seen_on"] != one["node"]:
            return f"given to {self._node(one['node'])}"
        stays = f", and stays there: {one['stayed']}" if one["stayed"] else ""
        return f"{one['seen']} on {self._node(one['node'])}{stays}"

    def _on_its_way(self, one: Json) -> str:
        """Live."""
        to = self._node(one["moving_to"])
        if one["node"] is None:
            return f"has left {self._node(one['seen_on'])}, and waits for {to}"
        return f"{one['seen']} on {self._node(one['node'])}, on its way to {to}, live"

    def _has_moved(self, one: Json) -> bool:
        return bool(one["node"] == self._ask.node and (one["wanted"] == "off" or _is_up(one)))

    def _not_moved(self, one: Json) -> str:
        if self.has_failed():
            return f"{one['name']} was not moved, and is {self._state(one)}"
        return f"{one['name']} does not run on {self._node(self._ask.node)} yet: {self._state(one)}"

    def _not_recovered(self) -> str:
        """What is said of the dead node itself is old."""
        known = {name: one for name, one in self._machines().items() if name in self._concerned}
        left = sorted(name for name, one in known.items() if one["node"] == self._ask.node or not _is_up(one))
        if not left:
            return ""
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        return f"not running again yet: {', '.join(left[:NAMED])}{more}"


def _is_up(one: Json) -> bool:
    return bool(one["node"] and one["seen"] == "running" and one["seen_on"] == one["node"])
