"""``coroctl fence test``: ask the fence agents whether nodes are on, as corolistener would; nothing is switched."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from coroctl.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from coroctl.daemon.fencing.conf import Device
    from coroctl.model import NodeId

EXIT_OK, EXIT_ERROR = 0, 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from coroctl.conf.files import DEFAULT_FILE

    verbs = parser.add_subparsers(metavar="VERB", required=True)
    text = "ask each node's agent whether the node is on; nothing is switched"
    test = verbs.add_parser("test", help=text, description=text)
    test.add_argument("nodes", metavar="NODE", nargs="*", help="name, else nodeid; none: all with an agent")
    test.add_argument("--conf", metavar="PATH", default=DEFAULT_FILE, help=f"default: {DEFAULT_FILE}")
    test.epilog = "exit codes: 0 every agent has answered on or off, 1 one has not, or there is none. It takes root."


def run(args: argparse.Namespace) -> int:
    """Run the command; ConfigError says what is wrong with which file."""
    from coroctl.conf.cluster import read_cluster
    from coroctl.conf.files import load_document
    from coroctl.daemon.fencing.conf import load_fences

    cluster = read_cluster(load_document(args.conf))
    names = {node.nodeid: node.name for node in cluster.nodes if node.nodeid is not None}
    file = cluster.listener.fence_conf
    devices = load_fences(file, names)
    wanted = [_node(word, names, args.conf) for word in args.nodes] or sorted(devices)
    missing = [node for node in wanted if node not in devices]
    if missing or not wanted:
        what = ", ".join(names[node] or str(node) for node in missing) or "any node"
        raise ConfigError(file, 0, f"there is no section for {what}")
    return asyncio.run(_test(wanted, devices, names))


async def _test(wanted: Sequence[NodeId], devices: Mapping[NodeId, Device], names: Mapping[NodeId, str]) -> int:
    """All at once, told in order."""
    lines = await asyncio.gather(*(_line(node, devices[node], names[node] or str(node)) for node in wanted))
    print("\n".join(line for line, _ in lines))
    return EXIT_OK if all(answered for _, answered in lines) else EXIT_ERROR


async def _line(node: NodeId, device: Device, name: str) -> tuple[str, bool]:
    from coroctl.cli.text import plain
    from coroctl.daemon.fencing.agent import Power, status

    begin = time.monotonic()
    power, words = await status(node, device)
    took = f"{device.agent.name}, {time.monotonic() - begin:.1f} s"
    answered = power is not Power.UNKNOWN
    return f"{plain(name)}: {power.value} ({took})" + ("" if answered else f": {plain(words)}"), answered


def _node(word: str, names: Mapping[NodeId, str], file: str) -> NodeId:
    found = [node for node, name in names.items() if name == word] or [node for node in names if str(node) == word]
    if len(found) != 1:
        raise ConfigError(file, 0, f"{'more than one' if found else 'no'} node is called {word!r}")
    return found[0]
