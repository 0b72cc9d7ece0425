"""A running lab as one object, for tests, benchmarks and demos: nodes by name, verbs as methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coroctl.lab import conditions, fencing, lab, network, node

if TYPE_CHECKING:
    import subprocess

    from coroctl.lab.conditions import Listing
    from coroctl.lab.plan import Plan


@dataclass(frozen=True, slots=True)
class Lab:
    """Every method raises LabError when the lab cannot do it."""

    plan: Plan

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.plan.nodes)

    def ask(self, name: str, *command: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command on a node and collect what it prints; the exit code is the caller's to judge."""
        return node.ask(self.plan, self.plan.node(name), *command, timeout_s=timeout_s)

    def tell(self, name: str, *command: str, timeout_s: float = 30) -> str:
        """Run a command on a node that has to succeed; what it printed."""
        return node.tell(self.plan, self.plan.node(name), *command, timeout_s=timeout_s)

    def listing(self, name: str) -> Listing | None:
        """What ``coroctl -l`` says on a node."""
        return conditions.listing(self.plan, self.plan.node(name))

    def wait(self, *words: str, timeout_s: float = 120) -> None:
        """As ``coroctl lab wait``."""
        conditions.wait(self.plan, words, timeout_s)

    def is_on(self, name: str) -> bool:
        return node.power(self.plan, self.plan.node(name)) is node.Power.RUNNING

    def kill(self, name: str) -> None:
        """Power a node off."""
        node.switch_off(self.plan, self.plan.node(name))

    def start(self, name: str) -> None:
        """Power a node on and wait until it has booted."""
        lab.start(self.plan, self.plan.node(name))

    def init_pid(self, name: str) -> int | None:
        """The node's first process, seen from the host."""
        return node.init_pid(self.plan, self.plan.node(name))

    def treat(self, name: str, mode: fencing.Mode) -> None:
        """How the power switch answers the fence agent about a node from now on."""
        fencing.set_mode(self.plan, self.plan.node(name), mode)

    def freeze(self, name: str, what: str = node.EVERYTHING) -> None:
        """SIGSTOP a service's processes, or the whole node's."""
        node.freeze(self.plan, self.plan.node(name), what)

    def thaw(self, name: str, what: str = node.EVERYTHING) -> None:
        """SIGCONT what `freeze` stopped."""
        node.thaw(self.plan, self.plan.node(name), what)

    def kill_processes(self, name: str, what: str) -> None:
        """SIGKILL a service's processes, or every process of the node but its init."""
        node.kill_processes(self.plan, self.plan.node(name), what)

    def unplug(self, *names: str) -> None:
        """Nodes lose carrier."""
        network.unplug(self.plan, self._ports(*names))

    def isolate(self, *names: str, inward: bool = True, outward: bool = True) -> None:
        """A group of nodes is parted from everything else; carrier stays."""
        network.isolate(self.plan, self._ports(*names), inward=inward, outward=outward)

    def part(self, group: list[str], others: list[str], *, inward: bool = True, outward: bool = True) -> None:
        """Frames between two groups are dropped; carrier stays."""
        network.part(self.plan, self._ports(*group), self._ports(*others), inward=inward, outward=outward)

    def lose(self, name: str, percent: int) -> None:
        """A share of a node's frames is lost, each way."""
        network.lose(self.plan, self._ports(name), percent)

    def heal(self) -> None:
        """End every cut and every loss."""
        network.heal(self.plan)

    def make_whole(self, timeout_s: float = 110) -> None:
        """Whatever was done to it: heal, thaw, start and restart until every node lists every node as joined."""
        self.heal()
        for each in self.plan.nodes:
            if self.is_on(each.name):
                self.thaw(each.name)
                self.ask(each.name, "systemctl", "start", "corosync")
            else:
                self.start(each.name)
        self.wait("formed", timeout_s=timeout_s)

    def _ports(self, *names: str) -> tuple[str, ...]:
        return tuple(port for name in names for port in self.plan.ports(self.plan.node(name)))
