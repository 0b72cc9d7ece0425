"""The way into the commands."""

from __future__ import annotations

import pytest

from coroctl.cli.main import COMMANDS, main


@pytest.mark.parametrize("words", [["nonsense"], ["-x"], ["lab", "nonsense"], ["conf"], ["status", "--yaml"]])
def test_a_wrong_call_is_an_error_and_never_not_quorate(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: coroctl")
    assert printed.err.splitlines()[-1].startswith("coroctl")


@pytest.mark.parametrize("words", [["--warning", "5"], ["--ignore", "nonsense"], ["--ignore"], ["node1"]])
def test_a_wrong_check_is_unknown_to_a_monitoring_system(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", *words])
    assert left.value.code == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: coroctl check")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"usage: coroctl {name}" in capsys.readouterr().out


def test_what_is_wrong_outside_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conf", "diff", "/nonexistent/a", "/nonexistent/b"]) != 0
    assert capsys.readouterr().err.count("\n") <= 2
