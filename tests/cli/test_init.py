"""coroctl init: what it adds, what it asks on a terminal, what it refuses, and what it says to run next."""

from __future__ import annotations

import errno
import os
import pty
import sys
from typing import TYPE_CHECKING

import pytest

from coroctl.cli.main import main
from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from tests.conf.samples import GOOD, changed

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = GOOD[: GOOD.index(b"ihttpd {")] + GOOD[GOOD.index(b"nodelist {") : GOOD.index(b"corolistener {")]
WITHOUT_PRIO = changed("    prio: 100\n", "", changed("    prio: 10\n", "", PLAIN))


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    file = tmp_path / "corosync.conf"
    file.write_bytes(PLAIN)
    file.chmod(0o640)
    return file


def test_the_section_is_added_and_nothing_else_touched(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--cloud-ip", "10.0.0.100", "--service", "vmmgr.service", "--ihttpd-port", "1500", "--ihttpd-port", "1501"]
    assert main(["init", "--file", str(conf), *words, "--yes"]) == 0
    added = "ihttpd {\n  count: 2\n  port0: 1500\n  port1: 1501\n}\n"
    added += "corolistener {\n  cloud_ip: 10.0.0.100\n  service: vmmgr.service\n}\n"
    assert conf.read_bytes() == changed("config_version: 7", "config_version: 8", PLAIN) + added.encode()
    assert conf.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in conf.parent.iterdir()] == ["corosync.conf"]
    said = capsys.readouterr().out
    assert "corolistener.cloud_ip: (not given) -> 10.0.0.100" in said
    assert "for node in 10.0.0.7 10.0.0.9 10.0.0.13; do" in said
    assert "systemctl disable --now vmmgr.service" in said


def test_nodes_without_a_priority_get_one_by_their_place(conf: Path) -> None:
    conf.write_bytes(WITHOUT_PRIO)
    assert main(["init", "--file", str(conf), "--prio", "13=0", "--yes"]) == 0
    nodes = read_cluster(Document.parse(conf.read_bytes())).nodes
    assert [(node.name, node.prio) for node in nodes] == [("n7", 30), ("n9", 40), ("n13", 0)]


def test_a_link_stays_one(conf: Path) -> None:
    link = conf.with_name("link.conf")
    link.symlink_to(conf)
    assert main(["init", "--file", str(link), "--yes"]) == 0
    assert link.is_symlink()
    assert b"corolistener {" in conf.read_bytes()


def test_a_file_that_cannot_be_written_is_one_line(
    conf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(conf))

    monkeypatch.setattr("coroctl.daemon.durable.write", full)
    assert main(["init", "--file", str(conf), "--yes"]) == 1
    assert capsys.readouterr().err.endswith(f"coroctl: {conf}: No space left on device\n")
    assert conf.read_bytes() == PLAIN


@pytest.mark.parametrize(
    ("data", "words", "why"),
    [
        (GOOD, [], "there is a corolistener section already"),
        (b"totem {\n  version: 2\n}\n", [], "has no nodelist"),
        (PLAIN, ["--cloud-ip", "127.0.0.1"], "a file with errors is not written"),
        (PLAIN, ["--prio", "nobody=3"], "the nodelist has no such node"),
    ],
)
def test_what_is_refused(
    conf: Path, capsys: pytest.CaptureFixture[str], data: bytes, words: list[str], why: str
) -> None:
    conf.write_bytes(data)
    assert main(["init", "--file", str(conf), *words, "--yes"]) == 4
    assert why in capsys.readouterr().err
    assert conf.read_bytes() == data


def test_nobody_can_be_asked(conf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", nothing)
        assert main(["init", "--file", str(conf)]) == 4
    assert "give --yes" in capsys.readouterr().err
    assert conf.read_bytes() == PLAIN


def test_what_is_not_given_is_asked_for_on_a_terminal(conf: Path) -> None:
    """Address, device, service, a priority for each node that has none, and whether to write it."""
    conf.write_bytes(WITHOUT_PRIO)
    said, code = on_terminal(["init", "--file", str(conf)], ["10.0.0.100", "eth0", "", "", "5", "y"])
    assert code == 0, said
    cluster = read_cluster(Document.parse(conf.read_bytes()))
    assert (cluster.listener.cloud_ip, cluster.listener.cloud_ip_dev, cluster.listener.service) == (
        "10.0.0.100",
        "eth0",
        None,
    )
    assert [node.prio for node in cluster.nodes] == [30, 40, 5]
    assert "priority of n13 [10]:" in said


def test_no_is_no(conf: Path) -> None:
    said, code = on_terminal(["init", "--file", str(conf), "--cloud-ip", "10.0.0.100"], ["", "", "n"])
    assert (code, conf.read_bytes()) == (4, PLAIN), said


def on_terminal(words: list[str], answers: list[str]) -> tuple[str, int]:
    """Run coroctl on a terminal, with an answer at each question; what it has shown, and its exit code."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "coroctl", *words])  # noqa: S606
    shown = b""
    waiting = [answer.encode() + b"\n" for answer in answers]
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the terminal has lost its program
            break
        if waiting and shown.rstrip(b" ").endswith((b"]:", b"N]")):
            os.write(terminal, waiting.pop(0))
    os.close(terminal)
    return shown.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
