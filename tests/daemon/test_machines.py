"""The hypervisor's driver against libvirt's own test driver, and against sockets on which nobody answers.

What only a real libvirtd with real qemu does is in tests/lab/test_machines.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.machines import driver, processes, session
from coroctl.daemon.machines.driver import Libvirt
from coroctl.daemon.machines.hypervisor import Domain, Gone, HypervisorAway, HypervisorError, Picture, State
from coroctl.daemon.machines.memory import free_mib
from coroctl.daemon.machines.orders import autostarted
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coroctl.daemon.machines.hypervisor import Told

libvirt = pytest.importorskip("libvirt", reason="libvirt-python is not installed (scripts/debian-packages libvirt)")

URI = "test:///default"
XML = "<domain type='test'><name>{}</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>"


class Heard:
    """What the driver has told."""

    def __init__(self) -> None:
        self.all: list[Told] = []
        self._news = asyncio.Event()

    def __call__(self, told: Told) -> None:
        self.all.append(told)
        self._news.set()

    async def wait(self, state: State, name: str) -> None:
        """Until a picture shows the machine like that."""
        await self._until(lambda: self.states().get(name) is state, f"{name} to be {state.value}")

    async def gone(self, words: str) -> None:
        await self._until(
            lambda: bool(self.all) and isinstance(self.all[-1], Gone) and words in self.all[-1].why, f"{words!r}"
        )

    def states(self) -> dict[str, State]:
        last = self.all[-1] if self.all else None
        return {one.name: one.state for one in last.domains} if isinstance(last, Picture) else {}

    async def _until(self, condition: object, what: str) -> None:
        assert callable(condition)
        try:
            async with asyncio.timeout(10):
                while not condition():
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError:
            pytest.fail(f"waited in vain for {what}; told was {self.all}")


@contextlib.asynccontextmanager
async def connected(uri: str = URI) -> AsyncIterator[tuple[Libvirt, Heard]]:
    heard = Heard()
    hypervisor = Libvirt(heard, uri)
    hypervisor.begin()
    try:
        yield hypervisor, heard
    finally:
        await hypervisor.close()


@contextlib.asynccontextmanager
async def one_machine() -> AsyncIterator[tuple[Libvirt, Heard]]:
    """It is called vm1, and is gone afterwards: the test driver's machines are the process's."""
    async with connected() as (hypervisor, heard):
        await hypervisor.define(XML.format("vm1"))
        try:
            yield hypervisor, heard
        finally:
            await hypervisor.destroy("vm1")
            libvirt.open(URI).lookupByName("vm1").undefine()


async def test_each_verb_leads_to_its_state_and_may_be_said_twice() -> None:
    async with one_machine() as (hypervisor, heard):
        for verb, state in (
            (hypervisor.start, State.RUNNING),
            (hypervisor.pause, State.PAUSED),
            (hypervisor.resume, State.RUNNING),
            (hypervisor.destroy, State.OFF),
            (hypervisor.pause, State.OFF),
        ):
            for _ in range(2):
                await verb("vm1")
                assert heard.states()["vm1"] is state


async def test_what_somebody_else_does_is_told() -> None:
    async with one_machine() as (hypervisor, heard):
        await hypervisor.start("vm1")
        other = libvirt.open(URI)
        other.lookupByName("vm1").suspend()
        await heard.wait(State.PAUSED, "vm1")
        other.defineXML(XML.format("vm2"))
        await heard.wait(State.OFF, "vm2")
        other.lookupByName("vm2").undefine()
        await heard._until(lambda: "vm2" not in heard.states(), "vm2 to be gone")
        other.close()


async def test_the_same_picture_is_not_told_twice() -> None:
    async with one_machine() as (hypervisor, heard):
        await hypervisor.start("vm1")
        told = len(heard.all)
        await hypervisor.start("vm1")
        assert len(heard.all) == told


async def test_refusals_say_why_in_words() -> None:
    async with one_machine() as (hypervisor, _):
        with pytest.raises(HypervisorError, match=r"^start nobody: is not defined here \("):
            await hypervisor.start("nobody")
        await hypervisor.start("vm1")
        await hypervisor.pause("vm1")
        with pytest.raises(HypervisorError, match="it is paused here; it can be resumed"):
            await hypervisor.start("vm1")
        with pytest.raises(HypervisorError, match="XML"):
            await hypervisor.define("<domain")


async def test_what_is_gone_already_is_destroyed_and_undefined() -> None:
    async with one_machine() as (hypervisor, _):
        await hypervisor.destroy("nobody")
        await hypervisor.undefine("nobody")


async def test_autostart_is_switched_off() -> None:
    async with one_machine() as (hypervisor, heard):
        other = libvirt.open(URI)
        other.lookupByName("vm1").setAutostart(1)
        await hypervisor.start("vm1")
        assert autostart(heard) is True
        last = heard.all[-1]
        assert isinstance(last, Picture)
        assert autostarted(last, {"test"}) == set()
        assert autostarted(last, {"vm1", "test"}) == {"vm1"}
        await hypervisor.autostart_off("vm1")
        assert autostart(heard) is False
        other.close()


def autostart(heard: Heard) -> bool:
    last = heard.all[-1]
    assert isinstance(last, Picture)
    return next(one.autostart for one in last.domains if one.name == "vm1")


async def test_a_machine_that_obeys_is_stopped_within_its_grace() -> None:
    async with one_machine() as (hypervisor, heard):
        await hypervisor.start("vm1")
        await asyncio.wait_for(hypervisor.stop("vm1", grace_s=60), 10)
        await heard.wait(State.OFF, "vm1")


async def test_without_a_libvirtd_it_is_gone_and_says_so(tmp_path: Path) -> None:
    async with connected(f"qemu+unix:///system?socket={tmp_path}/nobody") as (hypervisor, heard):
        await heard.gone("libvirtd does not run here")
        with pytest.raises(HypervisorAway, match=r"^start vm1: libvirtd does not run here"):
            await hypervisor.start("vm1")
        assert len(heard.all) == 1


async def test_a_libvirtd_that_accepts_and_says_nothing_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "BRIEF_S", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "sock"))
        silent.listen()
        async with connected(f"qemu+unix:///system?socket={tmp_path}/sock") as (_, heard):
            await heard.gone("libvirtd does not answer")
            # One attempt, however long it takes: each hangs on a thread of its own.
            attempts = [thread.name for thread in threading.enumerate() if thread.name == "libvirt: connect"]
            assert len(attempts) == 1


async def test_a_daemon_without_the_library_runs_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    monkeypatch.setattr(driver, "library", session.library.__wrapped__)
    async with connected() as (hypervisor, heard):
        await heard.gone("libvirt-python is not installed")
        with pytest.raises(HypervisorAway, match=r"pip install coroctl\[libvirt\]"):
            await hypervisor.pause("vm1")


def test_qemu_is_counted_by_its_processes() -> None:
    """A real process with the command line that libvirt gives it."""
    before = processes.running()
    words = ["/usr/bin/qemu-system-x86_64", "-c", "input()", "-name", "guest=a,,b,debug-threads=on"]
    with subprocess.Popen(words, executable=sys.executable, stdin=subprocess.PIPE) as machine:
        found = until(lambda: set(processes.running()) - set(before) or None, 5, "the process to be seen")
        assert found == {processes.Qemu(machine.pid, "a,b")}
        machine.communicate(b"\n")
    assert not set(processes.running()) - set(before)


def test_a_process_that_only_speaks_of_qemu_is_none() -> None:
    words = ["watcher", "-c", "input()", "qemu-system-x86_64"]
    with subprocess.Popen(words, executable=sys.executable, stdin=subprocess.PIPE) as other:
        until(lambda: b"watcher" in cmdline(other.pid), 5, "the program to run")
        assert other.pid not in {one.pid for one in processes.running()}
        other.communicate(b"\n")


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_memory_is_what_is_left_of_all_promises(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  8192000 kB\nMemFree: 1 kB\nMemAvailable: 7168000 kB\n")
    one = Domain("vm1", "", State.PAUSED, memory_mib=3000)
    off = Domain("vm2", "", State.OFF, memory_mib=90_000)
    assert free_mib((), meminfo) == 7000
    assert free_mib((one, off), meminfo) == 5000
    assert free_mib((one, one, one), meminfo) == 0
    assert 0 < free_mib(()) < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
