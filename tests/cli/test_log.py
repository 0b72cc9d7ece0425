"""``coroctl log``: the end, what matches, what comes; in text that no terminal obeys."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from coroctl.cli.main import main
from tests.logfile.files import append, corosync_line, corosync_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT = 5000
DEADLINE_S = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    corosync_log(tmp_path / "a.log", COUNT)
    return tmp_path / "a.log"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["log", *words]) == 0
    return capsys.readouterr().out.splitlines()


def numbered(*numbers: int) -> list[str]:
    return [corosync_line(number) for number in numbers]


def test_the_end(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, str(path)) == numbered(*range(COUNT - 50, COUNT))
    assert printed(capsys, str(path), "-n", "2") == numbered(COUNT - 2, COUNT - 1)
    assert printed(capsys, str(path), "-n", "0") == []
    assert len(printed(capsys, str(path), "-n", "999999")) == COUNT


def test_what_matches_in_all_of_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, str(path), "--grep", "failed") == numbered(*range(2, COUNT, 4))
    assert printed(capsys, str(path), "--grep", r"\(17?\)$") == numbered(1, 17)
    assert printed(capsys, str(path), "--grep", "failed", "-n", "2") == numbered(COUNT - 6, COUNT - 2)
    inverse = printed(capsys, str(path), "--grep", "failed", "-v")
    assert inverse == numbered(*(number for number in range(COUNT) if number % 4 != 2))


def test_with_lines_around(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, str(path), "--grep", r"\((0|3|9|4999)\)", "-C", "1")
    assert found == [*numbered(0, 1, 2, 3, 4), "--", *numbered(8, 9, 10), "--", *numbered(COUNT - 2, COUNT - 1)]


def test_since_a_time(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    since = corosync_line(COUNT - 7)[:15]
    assert printed(capsys, str(path), "--since", since) == numbered(*range(COUNT - 7, COUNT))
    assert printed(capsys, str(path), "--since", since, "--grep", "failed") == numbered(COUNT - 6, COUNT - 2)
    assert printed(capsys, str(path), "--since", since, "-n", "1") == numbered(COUNT - 1)


def test_nothing_that_a_terminal_would_obey(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(tmp_path / "b.log", b"\x1b[2J\x00\tx\xff\nno end")
    assert printed(capsys, str(tmp_path / "b.log")) == [r"\x1b[2J\x00   x" + "\ufffd", "no end"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere.log"], "nowhere.log: No such file or directory"),
        (["."], ".: not a regular file"),
        (["a.log", "--since", "noon"], "noon: not a time; for example"),
    ],
)
def test_what_cannot_be(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], reason: str
) -> None:
    monkeypatch.chdir(path.parent)
    assert main(["log", *words]) == 1
    assert capsys.readouterr().err.startswith(f"coroctl: {reason}")


@pytest.mark.parametrize("words", [["--grep", "("], ["-n", "-1"], ["-C", "x"]])
def test_a_call_that_makes_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["log", *words])
    assert ended.value.code == 1
    assert capsys.readouterr().err


@pytest.fixture
def following(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "coroctl", "log", str(path), "-f", "-n", "1", "--grep", "failed", "-C", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


def test_following(path: Path, following: subprocess.Popen[str]) -> None:
    assert following.stdout is not None
    lines = iter(following.stdout.readline, "")
    assert [next(lines) for _ in range(3)] == [f"{line}\n" for line in numbered(COUNT - 3, COUNT - 2, COUNT - 1)]
    append(path, "skipped\nbefore\nit FAILED ag")
    append(path, "ain\n")
    assert [next(lines) for _ in range(3)] == ["--\n", "before\n", "it FAILED again\n"]
    path.rename(path.with_suffix(".1"))
    append(path, "after\nFAILED in the new file\n")
    assert [next(lines) for _ in range(3)] == ["--\n", "after\n", "FAILED in the new file\n"]


def test_nothing_of_the_console_is_loaded(path: Path) -> None:
    probe = "import sys; from coroctl.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", probe, "log", str(path), "-n", "1", "--grep", "failed"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    assert not {"textual", "rich", "asyncio"} & set(run.stdout.split())
