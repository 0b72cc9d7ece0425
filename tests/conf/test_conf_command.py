"""``coroctl conf``, from its arguments to its exit code."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from coroctl.cli.main import main
from tests.conf.samples import GOOD, changed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.conf"
    path.write_bytes(GOOD)
    return str(path)


def _write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def test_lint_of_a_good_file(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conf", "lint", good]) == 0
    assert capsys.readouterr().out == f"{good}: 0 errors, 0 warnings\n"


def test_lint_with_warnings_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(tmp_path / "w.conf", changed("prio: 40", "pirio: 40"))
    assert main(["conf", "lint", file]) == 0
    assert capsys.readouterr().out == (
        f"{file}:23: warning: node 'n9' has no prio; it counts as 1\n"
        f"{file}:27: warning: unknown key 'pirio' in nodelist.node (nearest known: prio)\n"
        f"{file}: 0 errors, 2 warnings\n"
    )


def test_lint_with_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(tmp_path / "e.conf", GOOD + b"junk\x1b[2J\n")
    assert main(["conf", "lint", file]) == 1
    out = capsys.readouterr().out
    assert f"{file}:40: error: the line neither opens" in out
    assert out.endswith(": 2 errors, 0 warnings\n")
    assert "\x1b" not in out


def test_lint_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(tmp_path / "j.conf", changed("nodeid: 9", "nodeid: 7"))
    assert main(["conf", "lint", "--json", file]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["version"], answer["errors"]) == (1, 1)
    finding = answer["findings"][0]
    assert (finding["line"], finding["severity"], finding["code"]) == (26, "error", "nodeid-twice")


@pytest.mark.parametrize("verb", ["lint", "diff"])
def test_a_file_that_cannot_be_read(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    words = ["conf", verb, str(tmp_path / "fifo")]
    assert main([*words, words[-1]] if verb == "diff" else words) == 2
    assert capsys.readouterr().err == f"coroctl: {tmp_path}/fifo: this is a FIFO, not a file\n"


def test_a_name_that_would_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conf", "lint", "/none\x1b[2J"]) == 2
    assert capsys.readouterr().err == "coroctl: /none\\x1b[2J: there is no such file\n"


def test_diff_of_the_same(good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conf", "diff", good, _write(tmp_path / "same.conf", GOOD)]) == 0
    assert capsys.readouterr().out == ""


def test_diff_tells_nodes_apart_by_nodeid(good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start, second, third = (
        GOOD.index(b"  node {", at) for at in (0, GOOD.index(b"nodeid: 7"), GOOD.index(b"nodeid: 9"))
    )
    swapped = GOOD[:start] + GOOD[second:third] + GOOD[start:second] + GOOD[third:]
    other = _write(tmp_path / "other.conf", changed("prio: 40", "prio: 41", swapped))
    assert main(["conf", "diff", good, other]) == 1
    settings, _, lines = capsys.readouterr().out.partition("\n\n")
    assert settings == "node 9: prio: 40 -> 41"
    assert lines.startswith(f"--- {good}\n+++ {other}\n@@ ")


def test_diff_of_comments_only(good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = _write(tmp_path / "other.conf", b"# \x1b[31mred\n" + GOOD)
    assert main(["conf", "diff", good, other]) == 1
    out = capsys.readouterr().out
    assert out.startswith("no setting differs")
    assert "+# \\x1b[31mred\n" in out


def test_diff_of_added_and_removed(good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = _write(tmp_path / "other.conf", changed("  cloud_ip: 10.0.0.100\n", "  cloud_mask: 24\n"))
    assert main(["conf", "diff", "--json", good, other]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["changes"] == [
        {"key": "corolistener.cloud_ip", "before": "10.0.0.100", "after": None},
        {"key": "corolistener.cloud_mask", "before": None, "after": "24"},
    ]


def test_diff_of_a_file_that_corosync_cannot_parse(
    good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _write(tmp_path / "other.conf", b"junk\n")
    assert main(["conf", "diff", good, other]) == 2
    assert capsys.readouterr().err.startswith(f"coroctl: {other}:1: the line neither opens")


@pytest.mark.parametrize("verb", ["lint", "diff"])
def test_help_names_the_exit_codes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["conf", verb, "--help"])
    assert "exit codes:" in capsys.readouterr().out
