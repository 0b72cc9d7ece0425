"""The machine as it is: the kernel's own numbers, and systemd's words where there is a systemd."""

from __future__ import annotations

import os
from pathlib import Path

from coroctl.sources import host
from coroctl.sources.host import HostReader, disks, services_of


def test_this_machine() -> None:
    reader = HostReader(["127.0.0.1"])
    first = reader.read()
    assert first.cpu is None
    assert first.cores == os.cpu_count()
    assert 0 < first.memory_used < first.memory_total
    assert first.disks[0].folder == "/"
    assert 0 < first.disks[0].used <= first.disks[0].total
    [loopback] = first.traffic
    assert (loopback.device, loopback.received) == ("lo", None)
    again = reader.read()
    while again.cpu is None:  # until the kernel has counted a tick
        again = reader.read()
    assert 0 <= again.cpu <= 100
    assert again.traffic[0].received is not None
    assert again.traffic[0].received >= 0


def test_only_devices_with_the_nodes_addresses_are_shown() -> None:
    assert HostReader(["192.0.2.1"]).read().traffic == ()


def test_a_disk_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    told = disks([str(tmp_path), str(tmp_path / "below"), str(tmp_path / "missing")])
    assert [one.folder for one in told] == [str(tmp_path)]


def test_services_or_the_reason_why_not() -> None:
    told, trouble = services_of(["no-such-unit-anywhere.service"])
    if Path("/run/systemd/system").exists():
        assert [(one.unit, one.state) for one in told] == [("no-such-unit-anywhere.service", "missing")]
    else:
        assert (told, trouble[:9]) == ((), "systemctl")


def test_what_systemctl_prints() -> None:
    block = "Id=a.service\nLoadState=loaded\nActiveState=failed\nSubState=failed"
    assert host._service(block) == ("a.service", "failed", "failed")
    assert host._service("Id=b.service\nLoadState=not-found\nActiveState=inactive").state == "missing"
