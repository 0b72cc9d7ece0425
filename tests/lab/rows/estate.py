"""The machines of a lab whose nodes run corolistener: adopted once, and where they run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from coroctl.lab import machines
from coroctl.lab.run import until
from tests.lab.rows.cluster import CONF

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

RECOVERED_S = 60
"""From a fault until every machine runs elsewhere, on a busy test machine."""


class Estate:
    """`finish` ends every test."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.lab = cluster.lab
        self.names = machines.names(cluster.lab.plan.machines)

    def picture(self) -> dict[str, dict[str, object]]:
        """What is known of machines, by name: the master's word, if there is one."""
        on = self.cluster.on()
        for name in sorted(on, key=lambda name: self.cluster.role(name) != "M"):
            told = self.lab.ask(name, "coroctl", "machines", "--json")
            found = json.loads(told.stdout)["machines"] if told.returncode == 0 else ()
            if found:
                return {one["name"]: one for one in found}
        return {}

    def where(self, name: str) -> frozenset[str]:
        """The nodes on which a machine has written just now."""
        return self.cluster.checker.running(name)

    def make_whole(self) -> None:
        """Manage what is not managed yet; wait until every machine runs on one node, which owns it."""
        self.adopt()
        until(self._runs, RECOVERED_S, f"all machines of lab {self.lab.plan.name} to run", every_s=0.2)

    def adopt(self) -> None:
        """Every machine, where it is."""
        known = self.picture()
        for name in self.names:
            if name not in known:
                at = machines.owner(self.lab.plan, name).name
                until(
                    lambda at=at, name=name: self.order("machine", "adopt", name, at),  # type: ignore[misc]
                    30,
                    f"{name} to be adopted on {at}",
                    every_s=1,
                )

    def order(self, *words: str) -> bool:
        """As an operator on the first node that is on."""
        told = self.lab.ask(self.cluster.on()[0], "coroctl", *words, "--yes")
        print(" ".join(words), told.returncode, told.stdout, told.stderr)
        return told.returncode == 0

    def _runs(self) -> bool:
        known = self.picture()
        return bool(known) and all(
            self.where(name) == {self._named(known[name]["node"])} and known[name]["moving_to"] is None
            for name in self.names
        )

    def _named(self, node: object) -> str:
        return next((each.name for each in self.lab.plan.nodes if each.nodeid == node), "")

    def of(self, node: str) -> tuple[str, ...]:
        """The machines that write on a node."""
        return tuple(name for name in self.names if node in self.where(name))

    def victim(self) -> tuple[str, tuple[str, ...]]:
        """A node with machines that is not master, if there is one; and its machines."""
        master = self.cluster.wait_master()
        found = {name: self.of(name) for name in self.cluster.on()}
        chosen = max((name for name in found if found[name]), key=lambda name: (name != master, len(found[name])))
        return chosen, found[chosen]

    def wait_told(
        self, event: str, *words: str, without: str, since: dict[str, int], timeout_s: float = RECOVERED_S
    ) -> str:
        """The first such line that a node writes other than that one."""

        def told() -> str | None:
            others = (name for name in self.lab.names if name != without)
            lines = (self.cluster.lines(name, event, *words, since=since) for name in others)
            return next((line for found in lines for line in found), None)

        return until(told, timeout_s, " ".join((event, *words)))

    def wait_loaded(self, line: str) -> None:
        """Until every node's corolistener goes by the file, which has that line."""
        text = self.lab.tell(self.cluster.on()[0], "cat", CONF)
        assert line in text
        version = int(text.partition("config_version:")[2].split()[0])

        def loaded() -> bool:
            told = self.lab.ask(self.cluster.on()[0], "coroctl", "status", "--json").stdout
            nodes = json.loads(told)["nodes"] if told else ()
            return bool(nodes) and all((one["config_version"], one["current"]) == (version, True) for one in nodes)

        until(loaded, 30, f"every node to go by {line!r}", every_s=0.2)

    def wait_elsewhere(self, names: tuple[str, ...], former: str, timeout_s: float = RECOVERED_S) -> None:
        """Until each of these runs on one node, and that is another one."""

        def moved() -> bool:
            return all(len(self.where(name)) == 1 and former not in self.where(name) for name in names)

        until(moved, timeout_s, f"{', '.join(names)} to run elsewhere than on {former}")

    def wait_nothing_of(self, names: tuple[str, ...], node: str, timeout_s: float = RECOVERED_S) -> None:
        """Until a node's hypervisor has none of these machines any more, not even their definitions."""

        def defined() -> set[str]:
            told = self.lab.ask(node, "virsh", "-q", "list", "--all", "--name")
            return set(names) if told.returncode else set(told.stdout.split()) & set(names)

        until(lambda: not defined(), timeout_s, f"{node} to have given up {', '.join(names)}", every_s=0.2)

    def finish(self, names: tuple[str, ...], former: str) -> None:
        """They run elsewhere, once each, and never did twice; nothing that anybody promised was broken."""
        assert all(len(self.where(name)) == 1 and former not in self.where(name) for name in names)
        self.cluster.finish()
