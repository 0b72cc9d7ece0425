"""The typed reading: what is there, defaults for the rest, and never an exception."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.conf.identity import Identity, identity
from coroctl.conf.schema import SECTIONS, number
from coroctl.errors import ConfigError
from tests.conf import strategies
from tests.conf.samples import GOOD, PROXMOX, changed, with_keys


def test_the_whole_file() -> None:
    cluster = read_cluster(Document.parse(changed("suspended: off", "replication: on")))
    assert (cluster.cluster_name, cluster.config_version, cluster.transport) == ("VMmanager", 7, "knet")
    assert [(node.nodeid, node.name, node.addresses, node.prio) for node in cluster.nodes] == [
        (7, "n7", ("10.0.0.7",), 100),
        (9, "n9", ("10.0.0.9",), 40),
        (13, "n13", ("10.0.0.13",), 10),
    ]
    assert [node.replication for node in cluster.nodes] == [True, False, False]
    assert (cluster.votes, cluster.majority, cluster.quorum.expected_votes) == (3, 2, 3)
    assert cluster.ihttpd_ports == (1500,)
    assert cluster.listener.cloud_ip == "10.0.0.100"
    assert cluster.listener.service == "vmmgr.service"


def test_defaults() -> None:
    listener = read_cluster(Document.parse(b"")).listener
    assert not listener.present
    assert (listener.cloud_ip, listener.cloud_ip_dev, listener.cloud_mask) == (None, "vmbr0", 32)
    assert (listener.lease_ms, listener.heartbeat_ms, listener.start_holdoff_ms) == (2000, 200, None)
    assert (listener.service_start_s, listener.service_stop_s, listener.service_kill_ms) == (30, 30, 500)
    assert (listener.failback, listener.failback_delay_s, listener.fencing) == (False, 60, "none")
    assert (listener.port, listener.lock_dir, listener.on_clean_stop) == (5420, "/tmp", "keep")


def test_every_key_of_ours_is_read() -> None:
    fields = set(read_cluster(Document.parse(b"")).listener._fields)
    assert fields == {"present", *SECTIONS["corolistener"]}


@pytest.mark.parametrize("value", ["-1", "1.5", "NaN", "1000001", "x", ""])
def test_a_bad_prio_is_none(value: str) -> None:
    cluster = read_cluster(Document.parse(changed("prio: 40", f"prio: {value}")))
    assert [node.prio for node in cluster.nodes] == [100, None, 10]


def test_bad_values_are_defaults() -> None:
    data = with_keys("corolistener", "lease_ms: 1", "fencing: gun", "port: 0", "failback: yes", "cloud_ip_dev:")
    listener = read_cluster(Document.parse(data)).listener
    assert (listener.lease_ms, listener.fencing, listener.port, listener.failback) == (2000, "none", 5420, False)
    assert listener.cloud_ip_dev == "vmbr0"


@pytest.mark.parametrize("nodeid", ["nodeid: 0", "other: 1"])
def test_without_nodeid_knet_has_none_and_udpu_makes_one(nodeid: str) -> None:
    data = changed("nodeid: 9", nodeid)
    assert read_cluster(Document.parse(data)).nodes[1].nodeid is None
    assert read_cluster(Document.parse(changed("knet", "udpu", data))).nodes[1].nodeid == 0x0A000009


@pytest.mark.parametrize("nodeid", ["x", "4294967296", "-1"])
def test_a_bad_nodeid_is_none(nodeid: str) -> None:
    assert read_cluster(Document.parse(changed("nodeid: 9", f"nodeid: {nodeid}"))).nodes[1].nodeid is None


def test_links() -> None:
    node = read_cluster(Document.parse(PROXMOX)).nodes[0]
    assert node.addresses == ("192.168.10.1", "192.168.20.1")
    cluster = read_cluster(Document.parse(changed("ring0_addr: 10.0.0.9", "ring2_addr: 10.0.0.9")))
    assert (cluster.nodes[1].addresses, cluster.nodes[1].address) == (("", "", "10.0.0.9"), "10.0.0.9")


def test_votes_and_device() -> None:
    data = with_keys("quorum", "device {", "model: net", "votes: 2", "}", data=changed("prio: 40", "quorum_votes: 3"))
    cluster = read_cluster(Document.parse(data))
    assert (cluster.votes, cluster.majority) == (5, 3)
    assert (cluster.quorum.device, cluster.quorum.device_votes) == ("net", 2)


def test_ports_that_count_does_not_reach_are_not_read() -> None:
    cluster = read_cluster(Document.parse(changed("1500\n", "1500\n  port1: 1501\n")))
    assert cluster.ihttpd_ports == (1500,)


@given(strategies.files)
@settings(deadline=None)
def test_reading_never_raises(data: bytes) -> None:
    read_cluster(Document.parse(data))


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("+7", 7), ("-7", -7), (" \v7", 7), ("007", 7)])
def test_numbers_that_corosync_takes(text: str, value: int) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "+", "0x10", "1_000", "7 ", "7.0", "٧", "²", "--7", "9" * 500])
def test_numbers_that_corosync_refuses(text: str) -> None:
    assert number(text) is None


def test_identity() -> None:
    assert identity(GOOD) == identity(Document.parse(GOOD))
    assert identity(GOOD).config_version == 7
    assert identity(GOOD) != identity(GOOD + b"\n")
    assert identity(b"") == Identity(0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    with pytest.raises(ConfigError):
        identity(b"junk")


def test_the_path_of_coroctl_l_stays_cheap() -> None:
    heavy = "argparse dataclasses difflib ipaddress hashlib inspect coroctl.conf.lint"
    program = (
        "import sys; from coroctl.conf.cluster import read_cluster; from coroctl.conf.files import load_document;"
        f"print([name for name in {heavy!r}.split() if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
