"""This machine beside its corosync: processor, memory, disks, network, and the services. Blocks; ask it on a thread.

Only of the machine that it runs on; `hosts` asks for another node's. Both have a Host as JSON in the same way.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from coroctl.sources.machine import Disk, Host, Service, Traffic
from coroctl.sources.programs import ProgramFailed, output

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDERS = ("/", "/var/log", "/var/lib/corolistener")
"""Whose disks must not be full."""
SERVICES = ("corosync.service", "corolistener.service", "corolistener-guard.service")
ASK_S = 1.0


class HostReader:
    """Looks again and again; remembers the last counts, from which rates come."""

    def __init__(self, addresses: Iterable[str], manager: str = "") -> None:
        """`addresses`: this node's, whose devices are shown. `manager`: one more unit; empty for none."""
        self._addresses = frozenset(addresses)
        self._units = (*SERVICES, *((manager,) if manager else ()))
        self._cpu: tuple[float, float] | None = None
        self._counts: dict[str, tuple[float, int, int]] = {}

    def read(self) -> Host:
        """The machine now."""
        memory = psutil.virtual_memory()
        services, trouble = services_of(self._units)
        return Host(
            cpu=self._busy(),
            load=os.getloadavg()[0],
            cores=psutil.cpu_count() or 1,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            swap_used=psutil.swap_memory().used,
            disks=disks(FOLDERS),
            traffic=tuple(self._traffic()),
            services=services,
            trouble=trouble,
            uptime=time.clock_gettime(time.CLOCK_BOOTTIME),
        )

    def _busy(self) -> float | None:
        times = psutil.cpu_times()
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        before, self._cpu = self._cpu, (total, idle)
        if before is None or total <= before[0]:
            return None
        return min(max(100 * (1 - (idle - before[1]) / (total - before[0])), 0.0), 100.0)

    def _traffic(self) -> Iterable[Traffic]:
        now, counters = time.monotonic(), psutil.net_io_counters(pernic=True)
        for device in sorted(_devices(self._addresses)):
            if (count := counters.get(device)) is None:
                continue
            before = self._counts.get(device)
            self._counts[device] = (now, count.bytes_recv, count.bytes_sent)
            errors = count.errin + count.errout + count.dropin + count.dropout
            if before is None or now <= before[0]:
                yield Traffic(device, None, None, errors)
            else:
                passed = now - before[0]
                received, sent = (count.bytes_recv - before[1]) / passed, (count.bytes_sent - before[2]) / passed
                yield Traffic(device, max(received, 0.0), max(sent, 0.0), errors)


def _devices(addresses: frozenset[str]) -> set[str]:
    """Those that have one of the addresses."""
    return {
        name
        for name, found in psutil.net_if_addrs().items()
        if any(one.address.split("%")[0] in addresses for one in found)
    }


def disks(folders: Iterable[str]) -> tuple[Disk, ...]:
    """The disks under those folders that exist, each disk once."""
    found: dict[int, Disk] = {}
    for folder in folders:
        try:
            device, usage = Path(folder).stat().st_dev, psutil.disk_usage(folder)
        except OSError:
            continue  # a folder that only a node with corolistener has
        found.setdefault(device, Disk(folder, usage.used, usage.total))
    return tuple(found.values())


def services_of(units: Iterable[str]) -> tuple[tuple[Service, ...], str]:
    """What systemd says of them, or why it does not."""
    command = ["systemctl", "show", "--property=Id,LoadState,ActiveState,SubState", "--", *units]
    try:
        told = output(command, ASK_S)
    except ProgramFailed as error:
        return (), str(error)
    return tuple(_service(block) for block in told.strip().split("\n\n") if block), ""


def _service(block: str) -> Service:
    keys = dict(line.partition("=")[::2] for line in block.splitlines())
    missing = keys.get("LoadState") == "not-found"
    return Service(keys.get("Id", ""), "missing" if missing else keys.get("ActiveState", ""), keys.get("SubState", ""))
