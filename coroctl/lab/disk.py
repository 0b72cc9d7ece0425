"""What a lab writes onto a node's disk: the upper layer over this machine's root.

The node sees the host's programs, and none of the host's state: folders that carry state start
empty (an overlay's opaque folder hides what lies below).
"""

from __future__ import annotations

import compileall
import os
import shutil
import stat
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import coroctl
from coroctl.lab import fencing, installation, machines, vmmgr

if TYPE_CHECKING:
    from coroctl.lab.plan import NodePlan, Plan

_HIDDEN = (
    "etc/corosync",
    "etc/corolistener",
    "etc/libvirt",
    "etc/systemd/system",
    "etc/systemd/network",
    "var/lib/corosync",
    "var/lib/corolistener",
    "var/lib/libvirt",
    "var/lib/systemd",
    "var/log",
    "var/spool",
    "var/tmp",
)

_LAYERS = "layers"

_TARGET = """\
[Unit]
Description=A coroctl lab node
Requires=basic.target
Wants=coroctl-lab-network.service corosync.service
After=basic.target
AllowIsolate=yes
"""

_NETWORK_UNIT = """\
[Unit]
Description=Addresses of a coroctl lab node
DefaultDependencies=no
After=local-fs.target
Before=network.target network-online.target
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
{commands}
[Install]
WantedBy=network-online.target
"""

_MANAGER = """\
[Unit]
Description=The manager of a coroctl lab: a web server that answers with the name of its node

[Service]
ExecStart={python} -IS {program}
"""
_MANAGERS_PROGRAM = "/etc/coroctl-lab/vmmgr.py"

_RESTART = "lib/systemd/system/corosync.service.d"
"""Where, below /usr/local, corosync is told to start again when it has died."""

_JOURNALD = """\
[Journal]
Storage=persistent
SystemMaxUse=32M
RateLimitIntervalSec=0
"""

_PROGRAM = """\
#!{python} -P
# The {name} that brought this lab up.
import sys
from {module} import main
sys.exit(main())
"""


def install(plan: Plan) -> None:
    """Give the lab's disks the installation of this coroctl; it is made first if there is none yet."""
    text = "".join(f"{layer}\n" for layer in installation.layers())
    (plan.folder / _LAYERS).write_text(text)


def layers(plan: Plan) -> tuple[Path, ...]:
    """What lies between this machine's root and the node's own layer, uppermost first."""
    noted = plan.folder / _LAYERS
    return tuple(Path(line) for line in noted.read_text().splitlines()) if noted.exists() else ()


def write(plan: Plan, node: NodePlan, conf: bytes, *, key: bytes | None = None) -> None:
    """Make the node's disk as it is before its first power-on.

    With ``key``, the cluster's, corolistener starts with the node. Without, it is installed and not enabled, and
    corosync is as its own package has it.
    """
    upper = plan.node_folder(node) / "upper"
    for folder in _HIDDEN:
        (upper / folder).mkdir(parents=True)
        os.setxattr(upper / folder, "trusted.overlay.opaque", b"y")
    (upper / "var/tmp").chmod(0o1777)
    for folder in ("var/log/journal", "var/log/corosync", "etc/corosync/uidgid.d"):
        (upper / folder).mkdir()
    _write(upper / "etc/corosync/corosync.conf", conf.decode("utf-8", "surrogateescape"))
    _write(upper / "etc/machine-id", uuid.uuid4().hex + "\n", 0o444)
    _write(upper / "etc/hostname", node.name + "\n")
    _write(upper / "etc/hosts", _hosts(plan))
    # The host's file systems are none of the node's.
    _write(upper / "etc/fstab", "")
    _write(upper / "etc/crypttab", "")
    _write(upper / "etc/systemd/journald.conf.d/coroctl-lab.conf", _JOURNALD)
    _write(upper / "etc/systemd/system/coroctl-lab.target", _TARGET)
    _write(upper / "etc/systemd/system/coroctl-lab-network.service", _network_unit(node))
    if plan.machines:
        _give_machines(upper)
    for path, (text, mode) in fencing.files(plan).items():
        _write(upper / path, text, mode)
    if key is not None:
        _enable(upper, key)
    elif layers(plan):
        _hide(plan.node_folder(node) / "usr/local/upper" / _RESTART)
    for layer in layers(plan):
        if (layer / "etc").is_dir():
            shutil.copytree(layer / "etc", upper / "etc", dirs_exist_ok=True)
    if not layers(plan) and not Path("/usr/local/bin/corolistener").exists():
        _write_programs(upper)


def _hide(path: Path) -> None:
    """What lies below in an overlay is not seen where the upper layer has this device."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


def _give_machines(upper: Path) -> None:
    for path, text in machines.files().items():
        _write(upper / path, text)
    for unit in ("libvirtd", "libvirt-guests"):
        _want(upper, f"/etc/systemd/system/{unit}.service")


def _want(upper: Path, unit: str) -> None:
    """As `systemctl enable` would, for the target that a lab's node boots into."""
    wants = upper / "etc/systemd/system/coroctl-lab.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / Path(unit).name).symlink_to(unit)


def _enable(upper: Path, key: bytes) -> None:
    """corolistener with its key, and a manager for it."""
    program = upper / _MANAGERS_PROGRAM[1:]
    program.parent.mkdir()
    shutil.copy(vmmgr.__file__, program)
    unit = _MANAGER.format(python=installation.python(), program=_MANAGERS_PROGRAM)
    _write(upper / "etc/systemd/system" / vmmgr.UNIT, unit)
    file = upper / "etc/corolistener/authkey"
    file.write_bytes(key)
    file.chmod(0o600)
    _want(upper, "/usr/local/lib/systemd/system/corolistener.service")


def _write_programs(upper: Path) -> None:
    """Where coroctl is neither installed nor a checkout, the nodes have the two commands and no services."""
    for name, module in (("coroctl", "coroctl.cli.main"), ("corolistener", "coroctl.cli.corolistener")):
        text = _PROGRAM.format(name=name, module=module, python=sys.executable)
        _write(upper / "usr/local/bin" / name, text, 0o755)


def binds() -> tuple[Path, ...]:
    """Folders of the host that a node needs wherever they are: this Python and this coroctl."""
    wanted = {Path(sys.prefix), Path(sys.base_prefix), *_package_roots()}
    outside = sorted(path for path in wanted if not path.is_relative_to("/usr"))
    return tuple(path for path in outside if not any(path != other and path.is_relative_to(other) for other in outside))


def precompile() -> None:
    """Compile coroctl once on the host; the nodes see its folder read-only and could not keep the result."""
    compileall.compile_dir(Path(coroctl.__file__).parent, quiet=2, workers=1)


def _package_roots() -> tuple[Path, ...]:
    return (Path(coroctl.__file__).resolve().parent.parent,)


def _hosts(plan: Plan) -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    lines += [f"{node.addresses[0]} {node.name}" for node in plan.nodes]
    return "\n".join(lines) + "\n"


def _network_unit(node: NodePlan) -> str:
    commands = "".join(
        f"ExecStart=/usr/sbin/ip address replace {address}/24 brd + dev eth{k}\n"
        f"ExecStart=/usr/sbin/ip link set dev eth{k} up\n"
        for k, address in enumerate(node.addresses)
    )
    return _NETWORK_UNIT.format(commands=commands)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    path.chmod(mode)
