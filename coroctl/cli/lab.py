"""``coroctl lab``: real corosync clusters on this machine, to try things on and to break."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.cli.signals import end_on_signals
from coroctl.cli.text import plural
from coroctl.errors import LabError
from coroctl.lab import conditions, fencing, lab, network, node
from coroctl.lab.plan import load
from coroctl.lab.template import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.lab.plan import NodePlan, Plan

    _Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_NAME = "lab"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _configure_life(verbs)
    _configure_commands(verbs)
    _configure_faults(verbs)


def run(args: argparse.Namespace) -> int:
    """Run one verb; its exit code."""
    lab.check_host()
    end_on_signals()
    verb: Callable[[argparse.Namespace], int] = args.verb
    return verb(args)


def _add(verbs: _Verbs, name: str, verb: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("--name", default=DEFAULT_NAME, help=f"which lab (default {DEFAULT_NAME})")
    parser.set_defaults(verb=verb)
    return parser


def _add_node(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", metavar="NODE")


def _configure_life(verbs: _Verbs) -> None:
    up = _add(verbs, "up", _up, "bring a lab up; returns when every node is joined and quorate")
    up.add_argument("--nodes", type=int, metavar="N", help="how many (default 3, or as many as FILE lists)")
    up.add_argument("--token", type=int, metavar="MS", help="totem.token (default: corosync's own)")
    up.add_argument("--transport", choices=TRANSPORTS, default="knet")
    up.add_argument("--networks", type=int, choices=(1, 2), default=1)
    up.add_argument("--conf", type=Path, metavar="FILE", help="a corosync.conf; this lab's addresses are put in")
    up.add_argument("--corolistener", action="store_true", help="run corolistener on every node, with a manager")
    up.add_argument("--lease", type=int, metavar="MS", help="lease_ms of corolistener (default: its own)")
    up.add_argument("--heartbeat", type=int, metavar="MS", help="heartbeat_ms of corolistener (default: its own)")
    up.add_argument("--machines", type=int, metavar="M", default=0, help="virtual machines in all")
    up.add_argument("--fencing", choices=fencing.KINDS, default="", help="how corolistener makes sure of a lost node")
    _add(verbs, "down", _down, "remove a lab and everything of it")
    status = _add(verbs, "status", _status, "what the lab consists of and which nodes are on")
    status.add_argument("--json", action="store_true")
    _add_node(_add(verbs, "kill", _kill, "power a node off; its link dies with it"))
    _add_node(_add(verbs, "start", _start, "power a node on again, with the disk that it had"))
    gc = verbs.add_parser("gc", help="remove what crashed runs left behind")
    gc.set_defaults(verb=_gc)


def _configure_commands(verbs: _Verbs) -> None:
    run_on = _add(verbs, "exec", _exec, "run a command on a node; its exit code")
    _add_node(run_on)
    run_on.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help="the command and its arguments")
    _add_node(_add(verbs, "shell", _shell, "a shell on a node"))
    _add_node(_add(verbs, "console", _console, "coroctl on a node, on a terminal of its own"))
    _add_node(_add(verbs, "boot-log", _boot_log, "what the node wrote while booting"))
    wait = _add(verbs, "wait", _wait, "return when all conditions hold")
    wait.formatter_class = argparse.RawDescriptionHelpFormatter
    wait.epilog = (conditions.__doc__ or "").partition("\n\n")[2]
    wait.add_argument("conditions", nargs="+", metavar="CONDITION", help="such as node3=left or quorate@node1")
    wait.add_argument("--timeout", type=float, default=120, metavar="S", help="seconds (default 120)")


def _configure_faults(verbs: _Verbs) -> None:
    for name, verb, text in (
        ("freeze", _freeze, "SIGSTOP a service, or a whole node (all)"),
        ("thaw", _thaw, "SIGCONT what was frozen"),
        ("kill-process", _kill_process, "SIGKILL a service, or every process of a node but its init (all)"),
    ):
        parser = _add(verbs, name, verb, text)
        _add_node(parser)
        parser.add_argument("what", choices=(*node.SERVICES, node.EVERYTHING), nargs="?", default=node.EVERYTHING)
    treat = _add(verbs, "power-switch", _treat, "how the fence agent's power switch treats a node from now on")
    _add_node(treat)
    treat.add_argument("mode", choices=[mode.value for mode in fencing.Mode])
    cut = _add(verbs, "cut", _cut, "part nodes from others")
    cut.formatter_class = argparse.RawDescriptionHelpFormatter
    cut.epilog = (
        "Without --from, --one-way and --silent the cables of the named nodes are unplugged (they lose carrier).\n"
        "--silent: carrier stays, the group hears nobody outside it and nobody hears it.\n"
        "--from: carrier stays, only frames between the two groups are dropped.\n"
        "--one-way: carrier stays, only what comes in to the group (in) or goes out of it (out) is dropped."
    )
    cut.add_argument("nodes", metavar="A[,B]")
    cut.add_argument("--from", dest="others", metavar="C[,D]", help="only from these nodes")
    cut.add_argument("--one-way", choices=("in", "out"))
    cut.add_argument("--silent", action="store_true", help="keep carrier")
    cut.add_argument("--network", type=int, choices=(1, 2), help="only on this network (default: on all)")
    loss = _add(verbs, "loss", _loss, "drop a share of a node's frames, each way; 0 ends it")
    _add_node(loss)
    loss.add_argument("percent", type=int, metavar="PERCENT")
    _add(verbs, "heal", _heal, "end every cut and every loss")


def _up(args: argparse.Namespace) -> int:
    more = (args.corolistener, args.lease, args.heartbeat, args.machines, args.fencing)
    wanted = lab.Wanted(args.name, args.nodes, args.token, args.transport, args.networks, args.conf, *more)
    plan = lab.up(wanted)
    print(
        f"lab {plan.name}: {plural(len(plan.nodes), 'node')}, quorate ({', '.join(each.name for each in plan.nodes)})"
    )
    return 0


def _down(args: argparse.Namespace) -> int:
    print(f"lab {args.name} is gone" if lab.down(args.name) else f"there is no lab {args.name!r}")
    return 0


def _gc(_args: argparse.Namespace) -> int:
    for line in lab.gc():
        print(f"removed {line}")
    return 0


def _status(args: argparse.Namespace) -> int:
    plan = load(args.name)
    nodes = [
        {
            "name": each.name,
            "nodeid": each.nodeid,
            "addresses": list(each.addresses),
            "pid": node.init_pid(plan, each),
            "state": node.power(plan, each).value,
        }
        for each in plan.nodes
    ]
    if args.json:
        networks = [{"bridge": each.bridge, "subnet": each.subnet} for each in plan.networks]
        print(json.dumps({"name": plan.name, "cloud_ip": plan.cloud_ip, "networks": networks, "nodes": nodes}))
        return 0
    print(f"lab {plan.name}: {', '.join(f'{n.bridge} {n.subnet}' for n in plan.networks)}, cloud_ip {plan.cloud_ip}")
    for row in nodes:
        print(f"{row['name']:>12} {row['nodeid']:>6} {row['state']:>8} {row['pid'] or '-':>8}  {row['addresses']}")
    return 0


def _node(args: argparse.Namespace) -> tuple[Plan, NodePlan]:
    plan = load(args.name)
    return plan, plan.node(args.node)


def _kill(args: argparse.Namespace) -> int:
    node.switch_off(*_node(args))
    return 0


def _start(args: argparse.Namespace) -> int:
    lab.start(*_node(args))
    return 0


def _exec(args: argparse.Namespace) -> int:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise LabError("nothing to run (coroctl lab exec NODE -- CMD)")
    return node.execute(*_node(args), command)


def _shell(args: argparse.Namespace) -> int:
    return node.open_terminal(*_node(args), "bash -l")


def _console(args: argparse.Namespace) -> int:
    return node.open_terminal(*_node(args), "coroctl")


def _boot_log(args: argparse.Namespace) -> int:
    print(node.console_tail(*_node(args), lines=1000))
    return 0


def _wait(args: argparse.Namespace) -> int:
    conditions.wait(load(args.name), args.conditions, args.timeout)
    return 0


def _freeze(args: argparse.Namespace) -> int:
    node.freeze(*_node(args), args.what)
    return 0


def _thaw(args: argparse.Namespace) -> int:
    node.thaw(*_node(args), args.what)
    return 0


def _kill_process(args: argparse.Namespace) -> int:
    node.kill_processes(*_node(args), args.what)
    return 0


def _treat(args: argparse.Namespace) -> int:
    fencing.set_mode(*_node(args), fencing.Mode(args.mode))
    return 0


def _ports(plan: Plan, words: str, network_number: int | None) -> tuple[str, ...]:
    """The ports of the nodes in ``A,B``, on one network or on all."""
    numbers = range(len(plan.networks)) if network_number is None else (network_number - 1,)
    if numbers[-1] >= len(plan.networks):
        raise LabError(f"lab {plan.name} has one network")
    return tuple(plan.ports(plan.node(name))[k] for name in words.split(",") for k in numbers)


def _cut(args: argparse.Namespace) -> int:
    plan = load(args.name)
    ports = _ports(plan, args.nodes, args.network)
    inward, outward = args.one_way != "out", args.one_way != "in"
    if args.others is not None:
        network.part(plan, ports, _ports(plan, args.others, args.network), inward=inward, outward=outward)
    elif args.silent or args.one_way:
        network.isolate(plan, ports, inward=inward, outward=outward)
    else:
        network.unplug(plan, ports)
    return 0


def _loss(args: argparse.Namespace) -> int:
    plan, each = _node(args)
    network.lose(plan, plan.ports(each), args.percent)
    return 0


def _heal(args: argparse.Namespace) -> int:
    network.heal(load(args.name))
    return 0
