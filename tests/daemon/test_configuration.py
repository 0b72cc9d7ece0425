"""What a corosync.conf says to the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from coroctl.daemon.configuration import link_addresses, outfit_of, own_node, parsed, settings_of
from coroctl.errors import ConfigError
from coroctl.model import NodeId

FILE = """\
totem {
  version: 2
  cluster_name: c
  config_version: 7
}
ihttpd {
  count: 1
  port0: 1500
}
nodelist {
  node {
    ring0_addr: 127.0.0.1
    name: here
    nodeid: 7
    prio: 100
  }
  node {
    ring0_addr: 192.0.2.9
    ring1_addr: 192.0.2.109
    name: there
    nodeid: 9
    suspended: on
    quorum_votes: 2
    cloud_ip_dev: br9
  }
}
corolistener {
  cloud_ip: 192.0.2.200
  cloud_ip_dev: br0
  cloud_mask: 24
  service: vmmgr.service
  lease_ms: 1000
  heartbeat_ms: 100
EXTRA}
"""
HERE, THERE = NodeId(7), NodeId(9)


def text(extra: str = "") -> bytes:
    return FILE.replace("EXTRA", extra).encode()


def test_settings_come_from_the_file_and_its_defaults() -> None:
    settings = settings_of(parsed(text()))
    assert settings.identity.version == 7
    assert [(one.node, one.prio, one.votes, one.suspended) for one in settings.members] == [
        (7, 100, 1, False),
        (9, 1, 2, True),
    ]
    assert (settings.lease_us, settings.heartbeat_us, settings.slack_us) == (1_000_000, 100_000, 200_000)
    assert settings.holdoff_us == settings.promise_us + 1_000_000
    assert settings.address
    assert settings.service
    assert settings.ports


def test_without_the_kernels_dead_man_a_promise_lasts_longer() -> None:
    settings = settings_of(parsed(text()), dead_man=False)
    assert settings.slack_us == 1_500_000
    assert settings.holdoff_us == 3_500_000


def test_a_file_without_manager_has_no_ports_to_check() -> None:
    settings = settings_of(parsed(text().replace(b"  service: vmmgr.service\n", b"")))
    assert not settings.service
    assert not settings.ports


def test_a_nodes_own_device_wins_over_the_clusters_and_the_managers_file_over_both(tmp_path: Path) -> None:
    assert outfit_of(parsed(text()), HERE).device == "br0"
    assert outfit_of(parsed(text()), THERE).device == "br9"
    manager = tmp_path / "vmmgr.conf"
    manager.write_text("Option x\nCloudIpDev vmbr7\nCloudMask 32\n")
    outfit = outfit_of(parsed(text(f"  manager_conf: {manager}\n")), THERE)
    assert (outfit.device, outfit.prefix) == ("vmbr7", 32)


@pytest.mark.parametrize("line", ["CloudMask 33", "CloudMask none", "CloudIpDev a/b", "CloudIpDev " + 16 * "x"])
def test_nonsense_in_the_managers_file_leaves_what_the_cluster_says(tmp_path: Path, line: str) -> None:
    manager = tmp_path / "vmmgr.conf"
    manager.write_text(f"{line}\n")
    outfit = outfit_of(parsed(text(f"  manager_conf: {manager}\n")), HERE)
    assert (outfit.device, outfit.prefix) == ("br0", 24)


def test_a_missing_manager_file_is_no_error(tmp_path: Path) -> None:
    assert outfit_of(parsed(text(f"  manager_conf: {tmp_path}/none\n")), HERE).prefix == 24


def test_own_node_is_the_one_whose_address_this_machine_has() -> None:
    assert own_node(parsed(text()), Path("f")) == HERE


def test_a_list_without_this_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="no node of the nodelist"):
        own_node(parsed(text().replace(b"127.0.0.1", b"192.0.2.7")), Path("f"))


def test_two_nodes_on_this_machine_are_refused() -> None:
    with pytest.raises(ConfigError):
        own_node(parsed(text().replace(b"192.0.2.9\n", b"127.0.0.2\n")), Path("f"))


def test_links_are_numeric_addresses_in_order() -> None:
    assert link_addresses(parsed(text()).cluster) == {HERE: ("127.0.0.1",), THERE: ("192.0.2.9", "192.0.2.109")}
