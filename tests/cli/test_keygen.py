"""``coroctl keygen``, run as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from coroctl.cli.keygen import DEFAULT_FILE
from coroctl.cli.main import main
from coroctl.daemon import keys
from coroctl.daemon.keys import load_keys, parse_keys

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a key file is root's")

Printed = pytest.CaptureFixture[str]


def keygen(*words: str) -> int:
    """Run the command."""
    return main(["keygen", *words])


def test_a_key_is_made_and_its_fingerprint_printed(tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "corolistener" / "authkey"
    assert keygen("--file", str(file)) == 0
    [key] = load_keys(file)
    printed = capsys.readouterr().out
    assert f"fingerprint {key.fingerprint}" in printed
    assert key.secret.hex() not in printed
    assert keygen("--file", str(file), "--show") == 0
    assert capsys.readouterr().out == f"{key.fingerprint} seals and opens\n"


def test_what_is_printed_brings_the_key_to_another_node(tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "a key" / "authkey"
    keygen("--file", str(file))
    [line] = [line for line in capsys.readouterr().out.splitlines() if "ssh root@NODE" in line]
    made = file.read_bytes()
    there = line.replace("ssh root@NODE", "").replace("/dev/stdin '", f"/dev/stdin '{tmp_path}/there")
    subprocess.run(["sh", "-c", there], check=True, timeout=30)
    copy = tmp_path.joinpath("there" + str(file))
    assert copy.read_bytes() == made
    assert load_keys(copy) == load_keys(file)


def test_a_key_is_replaced_only_with_force(tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "authkey"
    keygen("--file", str(file))
    first = file.read_bytes()
    capsys.readouterr()
    assert keygen("--file", str(file)) == 1
    refused = capsys.readouterr()
    assert refused.out == ""
    assert refused.err.startswith(f"coroctl: {file}: there is a key already; ")
    assert refused.err.count("\n") == 1
    assert file.read_bytes() == first
    assert keygen("--file", str(file), "--force") == 0
    assert file.read_bytes() != first


def test_no_key_to_show(tmp_path: Path, capsys: Printed) -> None:
    assert keygen("--file", str(tmp_path / "authkey"), "--show") == 1
    assert "there is no key; make one" in capsys.readouterr().err


def test_several_keys_are_shown_in_order(tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "authkey"
    file.write_bytes(keys.generate() + keys.generate())
    file.chmod(0o600)
    keygen("--file", str(file), "--show")
    first, second = parse_keys(file.read_bytes(), "f")
    assert capsys.readouterr().out == f"{first.fingerprint} seals and opens\n{second.fingerprint} only opens\n"


def test_without_the_library_the_package_is_named(tmp_path: Path) -> None:
    probe = f"""
import sys
sys.modules["cryptography"] = None
from coroctl.cli.main import main
sys.exit(main(["keygen", "--file", "{tmp_path}/authkey"]))
"""
    asked = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False, timeout=30)
    assert asked.returncode == 1
    assert asked.stderr == "coroctl: Python's cryptography is not installed (Debian package python3-cryptography)\n"
    assert not list(tmp_path.iterdir())


def test_command_and_daemon_mean_the_same_file() -> None:
    assert DEFAULT_FILE == keys.DEFAULT_FILE
