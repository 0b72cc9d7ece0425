"""fence_conf: what is accepted, what each mistake is called, and who may use the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from coroctl.daemon.fencing.conf import AGENTS, Device, check_agent, load_fences, parse_fences
from coroctl.errors import ConfigError
from coroctl.model import NodeId

NAMES = {NodeId(7): "n7", NodeId(9): "n9", NodeId(13): ""}
GOOD = b"""\
# all of them
[*]
agent = fence_ipmilan
username = fence
password = a = b

[n7]
ip = 10.0.0.107
timeout_s = 20

[13]
agent = /opt/fence/own
username = other
"""


def test_a_section_wins_over_what_all_have_in_common() -> None:
    found = parse_fences(GOOD, "fence.conf", NAMES)
    common = (("username", "fence"), ("password", "a = b"))
    assert found == {
        7: Device(AGENTS / "fence_ipmilan", 20, (*common, ("ip", "10.0.0.107"))),
        13: Device(Path("/opt/fence/own"), 60, (("username", "other"), ("password", "a = b"))),
    }


def test_parameters_get_into_no_traceback() -> None:
    assert "a = b" not in repr(parse_fences(GOOD, "fence.conf", NAMES))


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"ip = 1", 1, "a section is expected first"),
        (b"[n7]\nagent = fence_x\nip", 3, "`key = value`"),
        (b"[n7]\nagent = fence_x\n9ip = 1", 3, "`key = value`"),
        (b"[n7]\nagent = fence_x\nip = 1\nip = 2", 4, "ip stands in line 3 already"),
        (b"[n7]\nagent = fence_x\n[n7]", 3, "stands in line 1 already"),
        (b"[n7]\nagent = fence_x\n[7]\nagent = fence_x", 3, "by its other name"),
        (b"[n8]\nagent = fence_x", 1, "no node of the cluster"),
        (b"\n[n7]\nip = 1", 2, "names no agent"),
        (b"[n7]\nagent = ipmi", 2, "fence_... or an absolute path"),
        (b"[n7]\nagent = ../fence_x", 2, "fence_... or an absolute path"),
        (b"[n7]\nagent = fence_x\naction = on", 3, "action cannot be set"),
        (b"[n7]\nagent = fence_x\ntimeout_s = 0", 3, "1 to 600 seconds"),
        (b"[n7]\nagent = fence_x\ntimeout_s = 1e9", 3, "1 to 600 seconds"),
        (b"[n7]\nagent = fence_x\nip = \xff", 3, "no UTF-8"),
        (b"[n7]\nagent = fence_x\nip = a\x00b", 3, "control characters"),
        (b"[n7\nagent = fence_x", 1, "a section is expected first"),
    ],
)
def test_a_mistake_is_named_with_its_line(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_fences(data, "fence.conf", NAMES)
    assert (caught.value.file, caught.value.line) == ("fence.conf", line)


def test_names_that_two_nodes_have_are_no_names() -> None:
    with pytest.raises(ConfigError, match="more than one node"):
        parse_fences(b"[n]\nagent = fence_x", "fence.conf", {NodeId(1): "n", NodeId(2): "n"})


def test_an_empty_file_fences_nobody() -> None:
    assert parse_fences(b"", "fence.conf", NAMES) == {}


def test_only_root_may_use_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fence.conf"
    path.write_bytes(GOOD)
    path.chmod(0o600)
    assert set(load_fences(path, NAMES)) == {7, 13}
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 0600"):
        load_fences(path, NAMES)


def test_what_is_no_file_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_fences(tmp_path / "none", NAMES)
    with pytest.raises(ConfigError, match="not a regular file"):
        load_fences("/dev/null", NAMES)
    large = tmp_path / "large"
    large.write_bytes(b"#" * 300_000)
    large.chmod(0o600)
    with pytest.raises(ConfigError, match="more than"):
        load_fences(large, NAMES)


def test_who_else_could_change_the_agent(tmp_path: Path) -> None:
    agent = tmp_path / "fence_x"
    assert "No such file" in check_agent(agent)
    agent.write_text("")
    agent.chmod(0o644)
    assert "no program" in check_agent(agent)
    agent.chmod(0o777)
    assert "others than root" in check_agent(agent)
    agent.chmod(0o755)
    assert not check_agent(agent)
    assert "no program" in check_agent(tmp_path)
