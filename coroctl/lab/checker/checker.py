"""The checker as one object around a running lab: it starts the recorder, reads its records and judges them.

It also does to a node what must be proven to have been done: `frozen` stops processes, and keeps what the kernel said
about them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import node, processes
from coroctl.lab.checker import histories, plug, proof, terms
from coroctl.lab.checker.intervals import Interval
from coroctl.lab.checker.recorder import PERIOD_US, now_us
from coroctl.lab.checker.records import Attached, Wrote, decode
from coroctl.lab.checker.report import judge
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from coroctl.lab.checker.records import Record
    from coroctl.lab.checker.report import Report
    from coroctl.lab.handle import Lab

AFTER_THAW_US = 1_000_000
"""A node that was frozen whole kills its manager within this after it runs again; P1b is not promised before."""

_START_S = 20
_RECENT_US = 50_000
_RECENT_RECORDS = 200
_LOG = "var/log/corolistener.log"


class Checker:
    """``with Checker(lab) as checker: ...; report = checker.report()``. LabError if it cannot watch."""

    def __init__(self, lab: Lab, service: str = "vmmgr.service") -> None:
        self.lab = lab
        self.plan = lab.plan
        self._service = service
        self._proofs: list[str] = []
        self._frozen: dict[str, list[Interval]] = {}
        self._since = 0
        self._output = -1
        self._recorder: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._records: list[Record] = []

    def __enter__(self) -> Checker:
        self._output = os.memfd_create("checker-records")
        try:
            cable = plug.plug_in(self.plan)
            words = ["coroctl.lab.checker.recorder", self.plan.name, self._service, cable]
            self._recorder = subprocess.Popen(
                [sys.executable, "-P", "-m", *words], stdin=subprocess.PIPE, stdout=self._output
            )
            until(self._watches, _START_S, f"the checker to watch lab {self.plan.name}")
        except BaseException:  # Ctrl-C and a test's end, too: nothing may stay behind
            self._end()
            raise
        self.mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def _watches(self) -> bool:
        """Whether every node that is on is watched."""
        attached = {each.node for each in histories.of_kind(self.records(), Attached)}
        return all(name in attached or not self.lab.is_on(name) for name in self.lab.names)

    def wait_attached(self, name: str, timeout_s: float = 30) -> None:
        """Wait until the network of the node's present life is watched."""
        booted = (self.plan.node_folder(self.plan.node(name)) / "nspawn").stat().st_mtime
        wall = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

        def attached() -> bool:
            moments = [one.moment for one in histories.of_kind(self.records(), Attached) if one.node == name]
            return bool(moments) and moments[-1] / 1e6 + wall > booted

        until(attached, timeout_s, f"the checker to watch {name}")

    def _end(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder and recorder.stdin:
            recorder.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                recorder.wait(5)
            recorder.kill()
            recorder.wait()
        plug.unplug(self.plan)
        os.close(self._output)

    def records(self) -> list[Record]:
        """Everything recorded so far."""
        if self._recorder is None or self._recorder.poll() is not None:
            raise LabError(f"the checker's recorder of lab {self.plan.name} has ended")
        size = os.fstat(self._output).st_size
        data = os.pread(self._output, size - self._read, self._read)
        whole = data.rpartition(b"\n")[0]
        if whole:
            self._records += decode(whole + b"\n")
            self._read += len(whole) + 1
        return self._records

    def mark(self) -> int:
        """What is reported begins now; the moment, in microseconds of CLOCK_BOOTTIME."""
        self._since = now_us()
        self._proofs.clear()
        return self._since

    def prove(self, what: str) -> None:
        """A proof that the fault bit, for the report."""
        self._proofs.append(what)

    def answering(self) -> frozenset[str]:
        """Who answered a client for the cluster address within the last 50 ms."""
        names = histories.names_by_mac(self.records())
        since = now_us() - _RECENT_US
        told = histories.answers(self._records[-_RECENT_RECORDS:], self.plan.cloud_ip)
        return frozenset(names.get(who, who) for moment, who in told if moment >= since)

    def wait_answer(self, who: str | None = None, timeout_s: float = 30) -> str:
        """Wait until a client gets answers from that node (from anybody); who it was."""

        def answered() -> str | None:
            now = self.answering()
            return next(iter(now), None) if who is None else who if who in now else None

        return until(answered, timeout_s, f"{who or 'anybody'} to answer for {self.plan.cloud_ip}")

    def running(self, machine: str) -> frozenset[str]:
        """The nodes on which a machine has written lately."""
        since = now_us() - histories.COUNTS_APART_US
        told = histories.of_kind(self.records(), Wrote)
        return frozenset(one.node for one in told if one.machine == machine and one.since >= since)

    def wait_running(self, machine: str, *nodes: str, timeout_s: float = 30) -> None:
        """Wait until a machine writes on these nodes and on no other; without nodes, until it is silent."""
        what = f"{machine} to run on {' and '.join(nodes) or 'no node'}"
        until(lambda: self.running(machine) == frozenset(nodes), timeout_s, what)

    def watch(self, seconds: float) -> None:
        """Let that much time go by under observation."""
        end = now_us() + round(seconds * 1e6)
        until(lambda: now_us() >= end, seconds + 5, f"{seconds:g} s to go by")

    def wait_silence(self, timeout_s: float = 30) -> None:
        """Wait until no client gets an answer any more."""
        until(lambda: not self.answering(), timeout_s, f"silence of {self.plan.cloud_ip}")

    @contextlib.contextmanager
    def frozen(self, name: str, what: str = node.EVERYTHING) -> Iterator[None]:
        """Stop a service's processes, or every process of the node, and let them go on at the end."""
        begin = now_us()
        self.lab.freeze(name, what)
        pids = proof.pids(self.lab, name, what)
        try:
            yield
            states = proof.stopped(pids, f"{what} on {name}")
            self.prove(f"{what} on {name} stood still for {(now_us() - begin) / 1e6:.1f} s (process {states})")
        finally:
            processes.send(pids, signal.SIGCONT)
            if what == node.EVERYTHING:
                self._frozen.setdefault(name, []).append(Interval(begin, now_us() + AFTER_THAW_US))

    def terms(self) -> tuple[terms.Lease, ...]:
        """Every lease that the nodes' logs tell of."""
        found: list[terms.Lease] = []
        for each in self.plan.nodes:
            log = self.plan.node_folder(each) / "upper" / _LOG
            with contextlib.suppress(FileNotFoundError):
                found += terms.leases(log.read_text(errors="replace"))
        return tuple(sorted(found))

    def report(self) -> Report:
        """Of the time since `mark` (or the beginning) until now."""
        end = now_us()  # before the records are read: what they do not tell yet is no silence
        return judge(
            self.records(),
            Interval(self._since, end),
            self.plan.cloud_ip,
            PERIOD_US,
            self._frozen,
            terms.violations(self.terms()),
            tuple(self._proofs),
        )
