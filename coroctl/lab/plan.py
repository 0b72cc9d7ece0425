"""What a lab consists of: its name, its nodes and networks, and what each thing is called on the host.

Everything follows from the lab's name and its index (0 to 127), so that two labs never meet:
lab i owns the subnets 10.77.2i.0/24 and 10.77.(2i+1).0/24 and the interfaces ``clab<i>...``.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from coroctl.errors import LabError

ROOT = Path("/run/coroctl-lab")
MAX_LABS = 128
MAX_NODES = 99
CLOUD_HOST = 200
"""Last byte of the lab's cluster address; nodes have 1 to 99."""

_LAB_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_NODE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Network:
    """One bridge of the lab, seen from the host, and the subnet of the nodes on it."""

    bridge: str
    subnet: str


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node; ``addresses[k]`` is on network k + 1, its interface ``eth<k>``."""

    name: str
    nodeid: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """The process a lab ends with: a test run, or a lab still being brought up."""

    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: tells a process from a later one with the same pid."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A lab as it was brought up."""

    name: str
    index: int
    networks: tuple[Network, ...]
    nodes: tuple[NodePlan, ...]
    cloud_ip: str
    owner: Owner | None
    machines: int = 0
    """How many virtual machines there are; see `machines`."""
    fencing: str = ""
    """One of `fencing.KINDS`; empty: none."""

    @property
    def folder(self) -> Path:
        return ROOT / self.name

    @property
    def table(self) -> str:
        """The lab's nftables table (family bridge), where cuts and losses live."""
        return f"clab{self.index}"

    def node(self, name: str) -> NodePlan:
        """The node called ``name``; LabError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"lab {self.name} has no node {name!r} (it has {', '.join(n.name for n in self.nodes)})")

    def node_folder(self, node: NodePlan) -> Path:
        return self.folder / "nodes" / node.name

    def ports(self, node: NodePlan) -> tuple[str, ...]:
        """The host's ends of the node's interfaces, one a network."""
        position = self.nodes.index(node) + 1
        return tuple(f"clab{self.index}n{position}e{k}" for k in range(len(self.networks)))

    def machine(self, node: NodePlan) -> str:
        """The node's name for systemd-nspawn, unlike any other lab's."""
        return f"clab{self.index}-{self.nodes.index(node) + 1}"

    def cgroup(self, node: NodePlan) -> str:
        """Name of the node's own control group, below the host's root in each hierarchy."""
        return f"coroctl-lab-{self.machine(node)}"


def make_plan(
    name: str,
    index: int,
    nodes: tuple[tuple[str, int], ...],
    networks: int,
    owner: Owner | None,
    machines: int = 0,
    fencing: str = "",
) -> Plan:
    """A plan for ``nodes`` = (name, nodeid), in the order of their addresses."""
    if not _LAB_NAME.fullmatch(name):
        raise LabError(f"{name!r} cannot name a lab: a-z, 0-9 and '-', at most 20, a letter first")
    if not 1 <= len(nodes) <= MAX_NODES:
        raise LabError(f"a lab has 1 to {MAX_NODES} nodes, not {len(nodes)}")
    for node, _ in nodes:
        if not _NODE_NAME.fullmatch(node):
            raise LabError(f"{node!r} cannot name a node: it must do as a host name")
    if len({node for node, _ in nodes}) < len(nodes):
        raise LabError("two nodes have the same name")
    prefixes = [f"10.77.{2 * index + k}" for k in range(networks)]
    return Plan(
        name=name,
        index=index,
        networks=tuple(Network(f"clab{index}br{k}", f"{prefix}.0/24") for k, prefix in enumerate(prefixes)),
        nodes=tuple(
            NodePlan(node, nodeid, tuple(f"{prefix}.{position}" for prefix in prefixes))
            for position, (node, nodeid) in enumerate(nodes, 1)
        ),
        cloud_ip=f"{prefixes[0]}.{CLOUD_HOST}",
        owner=owner,
        machines=machines,
        fencing=fencing,
    )


def save(plan: Plan) -> None:
    """Store the plan in the lab's folder, whole or not at all."""
    target = plan.folder / "lab.json"
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps(asdict(plan), indent=2))
    draft.replace(target)


def load(name: str) -> Plan:
    """The plan of a lab that exists; LabError if there is none, or only the beginning of one."""
    try:
        stored = json.loads((ROOT / name / "lab.json").read_text())
    except FileNotFoundError:
        raise LabError(f"there is no lab {name!r} (coroctl lab up --name {name})") from None
    except PermissionError:
        raise LabError("labs belong to root (sudo coroctl lab ...)") from None
    return Plan(
        name=stored["name"],
        index=stored["index"],
        networks=tuple(Network(**network) for network in stored["networks"]),
        nodes=tuple(NodePlan(n["name"], n["nodeid"], tuple(n["addresses"])) for n in stored["nodes"]),
        cloud_ip=stored["cloud_ip"],
        owner=Owner(**stored["owner"]) if stored["owner"] else None,
        machines=stored.get("machines", 0),  # a lab of an earlier coroctl has neither
        fencing=stored.get("fencing", ""),
    )
