"""A corosync cluster becomes one that corolistener serves, and gets a fourth node: as the README says, and no more.

Every command is the README's, or one that a command before it has printed. Only ssh is a stand-in: nodes of a lab have
no sshd, so a small program on each runs what it is sent.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.conf.document import Document
from coroctl.lab import lab as labs
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted
from coroctl.lab.processes import this_process
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).parents[2]
CONF = "/etc/corosync/corosync.conf"
NEW = "node4"
PATH = "PATH=/root/stand-in:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

MANAGER = """
[Service]
ExecStart=/usr/bin/python3 -m http.server --directory /var/empty 1500

[Install]
WantedBy=multi-user.target
"""
SSHD = """
import json, socketserver, subprocess, sys

class Session(socketserver.StreamRequestHandler):
    def handle(self):
        command = json.loads(self.rfile.readline())
        ran = subprocess.run(["sh", "-c", command], input=self.rfile.read(), stdout=-1, stderr=-2)
        self.wfile.write(b"%d\\n" % ran.returncode + ran.stdout)

socketserver.TCPServer(("0.0.0.0", 22), Session).serve_forever()
"""
SSH = """#!/usr/bin/python3
import json, socket, sys

to = socket.create_connection((sys.argv[1].removeprefix("root@"), 22))
to.sendall(json.dumps(" ".join(sys.argv[2:])).encode() + b"\\n")
if not sys.stdin.isatty():
    to.sendall(sys.stdin.buffer.read())
to.shutdown(socket.SHUT_WR)
code, _, output = b"".join(iter(lambda: to.recv(65536), b"")).partition(b"\\n")
sys.stdout.buffer.write(output)
sys.exit(int(code))
"""


@pytest.fixture(scope="module")
def plain() -> Iterator[Lab]:
    """Three nodes of a corosync cluster, and a fourth machine that is none of it."""
    name = f"t{os.getpid()}-setup"
    lab = Lab(labs.up(Wanted(name=name, nodes=4, token_ms=1000), owner=this_process()))
    for node in lab.names:
        lend_ssh(lab, node)
        # As `make install` leaves it; an ordinary lab's corosync is without.
        drop_in = (TOP / "packaging/systemd/corosync.service.d/50-corolistener.conf").read_text()
        write(lab, node, "/etc/systemd/system/corosync.service.d/50-corolistener.conf", drop_in)
        write(lab, node, "/etc/systemd/system/vmmgr.service", MANAGER)
        lab.tell(node, "systemctl", "daemon-reload")
    leave_out(lab, NEW)
    yield lab
    # Shown by pytest where the test failed.
    for node in lab.names:
        print(node, lab.ask(node, "journalctl", "-u", "corolistener*", "-o", "cat", "-n", "20", "--no-pager").stdout)
    labs.down(name)


def lend_ssh(lab: Lab, node: str) -> None:
    write(lab, node, "/root/stand-in/sshd.py", SSHD)
    write(lab, node, "/root/stand-in/ssh", SSH)
    lab.tell(node, "chmod", "0755", "/root/stand-in/ssh")
    lab.tell(node, "systemd-run", "--quiet", "--unit=stand-in-sshd", "/usr/bin/python3", "/root/stand-in/sshd.py")


def write(lab: Lab, node: str, path: str, text: str) -> None:
    folder = Path(path).parent
    lab.tell(node, "sh", "-c", f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {path}")


def leave_out(lab: Lab, node: str) -> None:
    """It has never been part of the cluster, and has no file."""
    lab.tell(node, "systemctl", "stop", "corosync")
    document = Document.parse(lab.tell(node, "cat", CONF).encode())
    lab.tell(node, "rm", CONF)
    document = document.remove_section(document.sections("nodelist.node")[-1])
    document = document.set("quorum.expected_votes", "3").set("totem.config_version", "2")
    document = document.remove_section(document.sections("corolistener")[0])
    others = [name for name in lab.names if name != node]
    for name in others:
        write(lab, name, CONF, document.render().decode())
    lab.tell(others[0], "corosync-cfgtool", "-R")


def from_readme(pattern: str) -> str:
    """A command of the section on installation, without its comment."""
    section = (TOP / "README.md").read_text().partition("## Installation on a cluster")[2].partition("\n## ")[0]
    [found] = re.findall(rf"^    ({pattern}.*?)(?:  +#.*)?$", section, re.MULTILINE)
    return str(found)


def run(lab: Lab, script: str) -> str:
    """On node1, as somebody who stops at the first error."""
    return lab.tell("node1", "env", PATH, "sh", "-euc", script, timeout_s=90)


def printed_steps(text: str) -> str:
    """The commands that a command says to run next: its indented last lines."""
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if "as root:" in line) + 1
    return "\n".join(line for line in lines[first:] if line.startswith("  "))


def wait_roles(lab: Lab, name: str, *wanted: str) -> None:
    """Until the node lists these roles; corosync goes on listing a node that was here once."""

    def listed() -> bool:
        seen = lab.listing(name)
        return seen is not None and tuple(seen.role[node] for node in sorted(seen.role))[: len(wanted)] == wanted

    until(listed, 60, f"{name} to list {' '.join(wanted)}", every_s=0.1)


def test_a_cluster_is_set_up_and_gets_a_fourth_node(plain: Lab) -> None:
    command = from_readme("coroctl init").replace("10.0.0.100", plain.plan.cloud_ip).replace("vmbr0", "eth0")
    printed = run(plain, f"{command} --yes")
    assert "corolistener.cloud_ip: (not given)" in printed
    assert "config_version: 2 -> 3" in printed
    run(plain, printed_steps(printed))
    three = [name for name in plain.names if name != NEW]
    for name in three:
        wait_roles(plain, name, "M", "S", "S")
    assert plain.ask("node2", "corolistener", "--check-config").returncode == 0

    address = plain.plan.node(NEW).addresses[0]
    before = plain.tell("node1", "cat", CONF)
    looked = plain.tell("node1", "coroctl", "node", "add", NEW, address, "--dry-run")
    assert f"{NEW} ({address}) becomes node 4" in looked
    assert plain.tell("node1", "cat", CONF) == before
    added = run(plain, f"{from_readme('coroctl node add').replace('10.0.0.4', address)} --yes")
    assert "a majority is then 3 of 4 votes" in added
    run(plain, printed_steps(added))
    for name in plain.names:
        wait_roles(plain, name, "M", "S", "S", "S")
    files = {plain.tell(name, "cat", CONF) for name in plain.names}
    assert len(files) == 1
    assert f"ring0_addr: {address}" in files.pop()

    refused = plain.ask("node2", "coroctl", "node", "remove", "node1", "--yes")
    assert refused.returncode == 4
    assert "refused: master: node1 is master" in refused.stderr

    run(plain, f"ssh root@{address} systemctl disable --now corolistener corosync")
    removed = run(plain, f"coroctl node remove {NEW} --yes")
    assert "a majority is then 2 of 3 votes" in removed
    for name in three:
        wait_roles(plain, name, "M", "S", "S")
        assert NEW not in plain.tell(name, "cat", CONF)
