"""The process behind one node: it is the node's power supply, and ends when the node is off.

``python -m coroctl.lab.keeper LAB NODE LOCK``, in a mount namespace of its own, so that the node's
overlay is gone with it, whoever ends it. LOCK is an inherited file descriptor; while it is open the
node is on.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.lab import cgroups, disk, fencing, installation, machines, network
from coroctl.lab.plan import load
from coroctl.lab.run import run, until

if TYPE_CHECKING:
    from coroctl.lab.plan import NodePlan, Plan

REBOOT = 133
"""systemd-nspawn --keep-unit ends with this when the machine rebooted itself."""

_PROPAGATION = "/run/systemd/nspawn"


def main() -> None:
    """Run one node until it is off."""
    plan = load(sys.argv[1])
    node = plan.node(sys.argv[2])
    folder = plan.node_folder(node)
    os.set_inheritable(int(sys.argv[3]), False)
    # Nodes that share a control group would take each other's services for their own.
    cgroups.enter(plan.cgroup(node))
    _mount(plan, folder)
    while _power_cycle(plan, node, folder) == REBOOT:
        network.remove_cables(plan, node)
    network.remove_cables(plan, node)
    (folder / "nspawn").unlink(missing_ok=True)


def _mount(plan: Plan, folder: Path) -> None:
    """This machine's root, and where there is an installation of its own, that over some of its folders."""
    root = folder / "root"
    installation.mount_overlay(folder, ("/",), root)
    layers = disk.layers(plan)
    for layer in layers:
        installation.hold(layer)
    for place in installation.FOLDERS if layers else ():
        below = [str(layer / place) for layer in layers if (layer / place).is_dir()]
        installation.mount_overlay(folder / place, (*below, f"/{place}"), root / place)
    # nspawn leaves a folder there; in this namespace it goes with the rest.
    Path(_PROPAGATION).mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", _PROPAGATION])


def _power_cycle(plan: Plan, node: NodePlan, folder: Path) -> int:
    """Boot the machine and wait for its end; the exit code of systemd-nspawn."""
    booted = folder / "booted"
    booted.unlink(missing_ok=True)
    address = folder / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        nspawn = subprocess.Popen(
            _command(plan, node, folder),
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(address)},
        )
        (folder / "nspawn").write_text(str(nspawn.pid))
        if _cables_appear(plan, node, nspawn):
            network.plug_in(plan, node)
            _note_readiness(notify, nspawn, booted)
        return nspawn.wait()


def _command(plan: Plan, node: NodePlan, folder: Path) -> list[str]:
    cables = [f"--network-veth-extra={port}:eth{k}" for k, port in enumerate(plan.ports(node))]
    binds = [f"--bind-ro={path}" for path in disk.binds()]
    binds += [f"--bind={path}:{place}" for path, place in (*machines.binds(plan, node), *fencing.binds(plan, node))]
    return [
        *("setpriv", "--pdeathsig", "KILL"),
        *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--notify-ready=yes"),
        *(f"--directory={folder / 'root'}", f"--machine={plan.machine(node)}", f"--hostname={node.name}"),
        *("--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe"),
        *("--capability=CAP_IPC_LOCK", "--system-call-filter=@memlock"),
        *cables,
        *binds,
        *("systemd.unit=coroctl-lab.target", "systemd.show_status=1"),
    ]


def _cables_appear(plan: Plan, node: NodePlan, nspawn: subprocess.Popen[bytes]) -> bool:
    """Wait for nspawn to make the cables; False if it ended instead."""

    def made_or_ended() -> bool:
        return nspawn.poll() is not None or all(network.exists(port) for port in plan.ports(node))

    until(made_or_ended, 30, f"the cables of {node.name}", every_s=0.005)
    return nspawn.returncode is None


def _note_readiness(notify: socket.socket, nspawn: subprocess.Popen[bytes], booted: Path) -> None:
    """Leave a mark when the machine's own init says that it is up."""
    notify.settimeout(0.2)
    while nspawn.poll() is None:
        try:
            message = notify.recv(4096)
        except TimeoutError:
            continue
        if b"READY=1" in message.splitlines():
            booted.touch()
            return


if __name__ == "__main__":
    main()
