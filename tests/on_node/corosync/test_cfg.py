"""libcfg against a running corosync."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from coroctl.corosync.cfg import Cfg, ShutdownFlags, ShutdownRequest
from coroctl.corosync.cmap import Cmap, TrackType
from coroctl.errors import CorosyncError, NoSuchKey
from tests.on_node.corosync_control import events, pid, some

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("whole_cluster")


@pytest.fixture
def cfg() -> Iterator[Cfg]:
    with Cfg.initialize() as connection:
        yield connection


def configured(cmap: Cmap) -> dict[int, str]:
    """The first address of each node, by nodeid, as the configuration has it."""
    keys = cmap.read("nodelist.node.")
    rows = [key.removesuffix(".nodeid") for key in keys if key.endswith(".nodeid")]
    return {int(keys[f"{row}.nodeid"]): str(keys[f"{row}.ring0_addr"]) for row in rows}


def test_local_get(cfg: Cfg, cmap: Cmap) -> None:
    position = cmap.get("nodelist.local_node_pos")
    assert cfg.local_get() == cmap.get(f"nodelist.node.{position!s}.nodeid")


def test_ring_status_get(cfg: Cfg, cmap: Cmap) -> None:
    [link, *_] = cfg.ring_status_get()
    assert configured(cmap)[cfg.local_get()] in link.interface_name
    assert link.status


def test_ring_status_get_frees_what_it_was_given(cfg: Cfg) -> None:
    def resident() -> int:
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * 4096

    rounds = 20_000
    for _ in range(rounds // 10):
        cfg.ring_status_get()
    before = resident()
    for _ in range(rounds):
        cfg.ring_status_get()
    # Four allocations of at least 32 bytes each time.
    assert resident() - before < rounds * 4 * 32 // 2


def test_node_status_get(cfg: Cfg, cmap: Cmap) -> None:
    addresses = configured(cmap)
    for nodeid, address in addresses.items():
        status = cfg.node_status_get(nodeid)
        assert status.nodeid == nodeid
        assert status.reachable
        assert status.links[0].link == 0
        assert status.links[0].connected
        assert status.links[0].mtu > 500
        assert (status.links[0].src_ipaddr, status.links[0].dst_ipaddr) == (addresses[cfg.local_get()], address)


def test_node_status_get_of_a_node_that_does_not_exist(cfg: Cfg) -> None:
    with pytest.raises(CorosyncError) as raised:
        cfg.node_status_get(4242)
    assert raised.value.status == "FAILED_OPERATION"


def test_get_node_addrs(cfg: Cfg, cmap: Cmap) -> None:
    for nodeid, address in configured(cmap).items():
        assert cfg.get_node_addrs(nodeid)[0] == address
    with pytest.raises(NoSuchKey):
        cfg.get_node_addrs(4242)


def test_reload_config(cfg: Cfg, cmap: Cmap) -> None:
    cmap.track_add("config.reload_in_progress", TrackType.ADD | TrackType.MODIFY)
    cfg.reload_config()
    assert events(cmap, lambda seen: len(seen) >= 2)[-1].new == 0


def test_a_shutdown_can_be_refused(cfg: Cfg) -> None:
    before = pid()
    cfg.trackstart()
    with subprocess.Popen(["corosync-cfgtool", "-H"], stderr=subprocess.PIPE, text=True) as asking:
        assert some(cfg) == [ShutdownRequest(ShutdownFlags.REQUEST)]
        cfg.replyto_shutdown(agreed=False)
        assert "Could not shutdown" in asking.communicate(timeout=20)[1]
    assert pid() == before
    cfg.trackstop()
    assert cfg.local_get() > 0
