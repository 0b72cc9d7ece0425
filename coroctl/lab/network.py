"""The lab's bridges, the cables of its nodes, and what is broken about them.

Everything is on the host's side of the cables: nothing that a node does to its own network
(``nft flush ruleset``, say) heals a cut. What is broken is kept in the lab's folder, so that it
outlives the power-off of a node.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab.run import attempt, run, until

if TYPE_CHECKING:
    from coroctl.lab.plan import NodePlan, Plan


@dataclass(frozen=True, slots=True)
class Faults:
    """What is broken: unplugged ports, cut directions (from, to; "" = everything else), losses in percent."""

    unplugged: tuple[str, ...] = ()
    isolated_in: tuple[tuple[str, ...], ...] = ()
    """Groups of ports that receive nothing from outside the group."""
    isolated_out: tuple[tuple[str, ...], ...] = ()
    """Groups of ports whose frames reach nobody outside the group."""
    pairs: tuple[tuple[str, str], ...] = ()
    """(from, to): frames that come in at one port and would go out at another."""
    loss: dict[str, int] = field(default_factory=dict)


def create_bridges(plan: Plan) -> None:
    """Bridges without an address and without snooping, so that the host stays out and multicast passes."""
    for network in plan.networks:
        run(["ip", "link", "add", network.bridge, "type", "bridge", "mcast_snooping", "0", "forward_delay", "0"])
        _silence(network.bridge)
        run(["ip", "link", "set", network.bridge, "up"])


def _silence(interface: str) -> None:
    """No IPv6 of the host's there. The kernel shows an interface a moment before its settings (seen with 16 nodes)."""
    if Path("/proc/sys/net/ipv6").is_dir():
        setting = f"net.ipv6.conf.{interface}.disable_ipv6=1"
        until(lambda: attempt(["sysctl", "-qw", setting]).returncode == 0, 10, f"the settings of {interface}")


def remove(plan: Plan) -> None:
    """Take away the lab's bridges and table, whichever of them there are."""
    for network in plan.networks:
        if exists(network.bridge):
            run(["ip", "link", "delete", network.bridge])
    remove_table(plan.table)


def remove_table(table: str) -> None:
    """Take away an nftables table of family bridge, if it is there."""
    run(["nft", "-f", "-"], stdin=f"table bridge {table}\ndelete table bridge {table}\n")


def exists(interface: str) -> bool:
    """Whether the host has a network interface of that name."""
    return Path("/sys/class/net", interface).exists()


def plug_in(plan: Plan, node: NodePlan) -> None:
    """Put the node's ports on their bridges, up unless somebody unplugged them."""
    unplugged = load_faults(plan).unplugged
    for network, port in zip(plan.networks, plan.ports(node), strict=True):
        _silence(port)
        run(["ip", "link", "set", port, "master", network.bridge, "down" if port in unplugged else "up"])


def remove_cables(plan: Plan, node: NodePlan) -> None:
    """The node's cables are gone at once: what dies with a node's power must not answer ARP from the grave."""
    for port in plan.ports(node):
        if exists(port):
            attempt(["ip", "link", "delete", port])


def unplug(plan: Plan, ports: tuple[str, ...]) -> None:
    """Take ports down: the nodes behind them lose carrier."""
    faults = load_faults(plan)
    _store(plan, replace(faults, unplugged=tuple(dict.fromkeys((*faults.unplugged, *ports)))))


def isolate(plan: Plan, ports: tuple[str, ...], *, inward: bool, outward: bool) -> None:
    """Part a group of ports from everything else on its bridges; carrier stays."""
    faults = load_faults(plan)
    _store(
        plan,
        replace(
            faults,
            isolated_in=(*faults.isolated_in, ports) if inward else faults.isolated_in,
            isolated_out=(*faults.isolated_out, ports) if outward else faults.isolated_out,
        ),
    )


def part(plan: Plan, ports: tuple[str, ...], others: tuple[str, ...], *, inward: bool, outward: bool) -> None:
    """Drop what ``others`` send to ``ports`` (inward) and what ``ports`` send to ``others`` (outward)."""
    faults = load_faults(plan)
    pairs = [(other, port) for other in others for port in ports] if inward else []
    pairs += [(port, other) for other in others for port in ports] if outward else []
    _store(plan, replace(faults, pairs=tuple(dict.fromkeys((*faults.pairs, *pairs)))))


def lose(plan: Plan, ports: tuple[str, ...], percent: int) -> None:
    """Drop that share of all frames at these ports, each way; 0 ends it."""
    if not 0 <= percent <= 100:
        raise LabError(f"a loss is 0 to 100 percent, not {percent}")
    loss = load_faults(plan).loss | dict.fromkeys(ports, percent)
    _store(plan, replace(load_faults(plan), loss={port: share for port, share in loss.items() if share}))


def heal(plan: Plan) -> None:
    """End every cut and every loss."""
    _store(plan, Faults())


def load_faults(plan: Plan) -> Faults:
    """What is broken at present."""
    try:
        stored = json.loads((plan.folder / "faults.json").read_text())
    except FileNotFoundError:
        return Faults()
    return Faults(
        unplugged=tuple(stored["unplugged"]),
        isolated_in=tuple(tuple(group) for group in stored["isolated_in"]),
        isolated_out=tuple(tuple(group) for group in stored["isolated_out"]),
        pairs=tuple((a, b) for a, b in stored["pairs"]),
        loss=stored["loss"],
    )


def _store(plan: Plan, faults: Faults) -> None:
    (plan.folder / "faults.json").write_text(json.dumps(asdict(faults)))
    run(["nft", "-f", "-"], stdin=ruleset(plan.table, faults))
    for node in plan.nodes:
        for port in plan.ports(node):
            if exists(port):
                run(["ip", "link", "set", port, "down" if port in faults.unplugged else "up"])


def ruleset(table: str, faults: Faults) -> str:
    """The whole table for these faults, replacing what stood there, in one transaction."""
    rules = [f"iifname {_set(group)} oifname != {_set(group)} drop" for group in faults.isolated_out]
    rules += [f"iifname != {_set(group)} oifname {_set(group)} drop" for group in faults.isolated_in]
    rules += [f'iifname "{source}" oifname "{target}" drop' for source, target in faults.pairs]
    for port, percent in faults.loss.items():
        rules += [f'{way} "{port}" numgen random mod 100 < {percent} drop' for way in ("iifname", "oifname")]
    lines = "\n".join(f"    {rule}" for rule in rules)
    return f"""\
table bridge {table}
delete table bridge {table}
table bridge {table} {{
  chain forward {{
    type filter hook forward priority 0; policy accept;
{lines}
  }}
}}
"""


def _set(ports: tuple[str, ...]) -> str:
    return "{ " + ", ".join(f'"{port}"' for port in ports) + " }"
