"""The virtual machines of a lab: a real libvirtd on each node, and small guests that count (`guest`).

The lab's shared folder is at `SHARED` on every node. What a guest says goes to its node's own folder of it, `WRITES`,
which on another node is another folder: so a machine's file and the node that ran it are named by qemu's own writing.
The XML is the same everywhere, as it must be for a machine that moves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import guest, node

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.lab.plan import NodePlan, Plan

PROGRAMS = {
    "libvirtd": "libvirt-daemon",
    "virsh": "libvirt-clients",
    "qemu-system-x86_64": "libvirt-daemon-driver-qemu qemu-system-x86",
}
"""What the nodes run of this machine's, and the Debian packages that each is in."""
MOST = 200
SHARED = "/srv/coroctl-lab/shared"
WRITES = "/srv/coroctl-lab/writes"

_ROM = "guest.rom"
_START_S = 60

_UNIT = """\
[Unit]
Description=libvirtd of a coroctl lab node
# It ends when the bus does.
After=network.target dbus.service

[Service]
Type=notify
ExecStart=/usr/sbin/libvirtd --listen
Restart=on-failure
# Machines run on when it ends or is restarted.
KillMode=process
Delegate=yes
"""

_GUESTS = """\
[Unit]
Description=Ends the machines of a coroctl lab node when it shuts down, as libvirt-guests does
# libvirt orders the machines' own scopes before this target: they are not ended before.
Wants=virt-guest-shutdown.target
After=libvirtd.service virt-guest-shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
# A guest of the lab does not listen to a power button.
ExecStop=/bin/sh -c 'for one in $(virsh -q list --name); do virsh -q destroy $one; done'
"""

_LIBVIRTD = """\
# The lab's bridge is nobody's network: nodes may migrate machines to each other.
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
auth_unix_rw = "none"
# All nodes have this machine's BIOS, and would be one host.
host_uuid_source = "machine-id"
log_outputs = "2:stderr"
"""

_QEMU = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = [ ]
cgroup_controllers = [ ]
stdio_handler = "file"
"""

_DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>2</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <loader type='rom'>{rom}</loader>
  </os>
  <features><apic/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <serial type='file'>
      <source path='{writes}/{name}' append='on'/>
    </serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def check_host(count: int) -> None:
    """LabError unless that many machines can be, and this machine has what the nodes need for them."""
    if not 1 <= count <= MOST:
        raise LabError(f"a lab has 1 to {MOST} machines, not {count}")
    missing = {program: packages for program, packages in PROGRAMS.items() if shutil.which(program) is None}
    if missing:
        raise LabError(f"{', '.join(missing)} not found: scripts/debian-packages machines")


def names(count: int) -> tuple[str, ...]:
    """What a lab's machines are called."""
    return tuple(f"vm{number}" for number in range(1, count + 1))


def owner(plan: Plan, name: str) -> NodePlan:
    """Where a machine is when the lab comes up: they are dealt out one by one."""
    return plan.nodes[names(plan.machines).index(name) % len(plan.nodes)]


def xml(name: str) -> str:
    """The definition of a machine of that name, for any node."""
    return _DOMAIN.format(name=name, uuid=uuid.uuid5(uuid.NAMESPACE_DNS, name), rom=f"{SHARED}/{_ROM}", writes=WRITES)


def folder(plan: Plan) -> Path:
    """The shared folder, seen from the host."""
    return plan.folder / "machines"


def writes(plan: Plan, on: NodePlan) -> Path:
    """Where the machines write that run on a node: a file for each, of the machine's name."""
    return folder(plan) / on.name


def counted(file: Path) -> int:
    """How far the machine had counted that wrote a file last; 0 if nobody has."""
    with contextlib.suppress(FileNotFoundError), file.open("rb") as text:
        text.seek(max(text.seek(0, os.SEEK_END) - 3 * guest.LINE, 0))
        whole = text.read().split(b"\n")[:-1]  # one that was killed has left half a line
        return int(whole[-1][1 - guest.LINE :], 16) if whole else 0
    return 0


def prepare(plan: Plan) -> None:
    """Make the shared folder."""
    for each in plan.nodes:
        writes(plan, each).mkdir(parents=True)
    (folder(plan) / _ROM).write_bytes(guest.rom())


def keys(plan: Plan) -> dict[str, str]:
    """What corolistener's section says of them."""
    return {"migration_uri": "qemu+tcp://%s/system"} if plan.machines else {}


def binds(plan: Plan, on: NodePlan) -> tuple[tuple[Path, str], ...]:
    """(folder of the host, where the node has it), writable."""
    return ((folder(plan), SHARED), (writes(plan, on), WRITES)) if plan.machines else ()


def files() -> dict[str, str]:
    """What a node's disk has more than one without machines: path below the root -> text."""
    return {
        "etc/libvirt/libvirtd.conf": _LIBVIRTD,
        "etc/libvirt/qemu.conf": _QEMU,
        "etc/systemd/system/libvirtd.service": _UNIT,
        "etc/systemd/system/libvirt-guests.service": _GUESTS,
        "etc/systemd/system/virt-guest-shutdown.target": "[Unit]\nDescription=Shutdown of a node's machines\n",
        # Debian's libvirt looks for this user whatever qemu.conf says.
        "etc/sysusers.d/coroctl-lab.conf": "u libvirt-qemu -\n",
    }


def begin(plan: Plan) -> None:
    """Define every machine on its first node and start it."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda each: _begin_on(plan, each), plan.nodes))


def _begin_on(plan: Plan, on: NodePlan) -> None:
    node.tell(plan, on, "systemctl", "start", "libvirtd", timeout_s=_START_S)
    for name in names(plan.machines):
        if owner(plan, name) is on:
            script = f"virsh -q define /dev/stdin <<'END' && virsh -q start {name}\n{xml(name)}END"
            node.tell(plan, on, "sh", "-ec", script, timeout_s=_START_S)
