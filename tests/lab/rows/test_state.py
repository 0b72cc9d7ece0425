"""Rows 14 and 17: the wall clock jumps, and the state file is not what the daemon left."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.run import until
from tests.lab.rows.cluster import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

HOUR = 3600
YEAR = 365 * 24 * HOUR
CLOCK = "/usr/local/lib/coroctl-lab-clock.so"
OFFSET = "/var/tmp/coroctl-lab-clock"
DROP_IN = "/run/systemd/system/corolistener.service.d/clock.conf"

SHIFTED_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Seconds by which the wall clock is wrong, read from a file at every call, so that it can jump. */
static long offset(void) {
    char text[32] = {0};
    int file = open(getenv("SHIFTED_CLOCK"), O_RDONLY);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that tells another wall clock to the program that is started with it."""
    folder = tmp_path_factory.mktemp("clock")
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(SHIFTED_CLOCK)
    subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def shift(cluster: Cluster, name: str, seconds: int) -> None:
    cluster.shell(name, f"echo {seconds} > {OFFSET}")


def with_clock(cluster: Cluster, name: str, library: Path) -> None:
    """Restart the daemon under the other clock."""
    cluster.copy_in(name, library, CLOCK)
    shift(cluster, name, 0)
    lines = f"[Service]\nEnvironment=LD_PRELOAD={CLOCK} SHIFTED_CLOCK={OFFSET}\n"
    cluster.shell(name, f"mkdir -p {DROP_IN.rpartition('/')[0]}; printf '{lines}' > {DROP_IN}; systemctl daemon-reload")
    cluster.lab.tell(name, "systemctl", "restart", "corolistener")


def without_clock(cluster: Cluster, name: str) -> None:
    cluster.shell(name, f"rm -f {DROP_IN}; systemctl daemon-reload; systemctl restart corolistener")


def test_row_14_the_wall_clock_jumps(cluster: Cluster, clock: Path) -> None:
    """On the master and on a slave, forth and back: nothing happens, but that the log has another time."""
    master = cluster.settle()
    slave = cluster.best(without=master)
    with_clock(cluster, slave, clock)
    with_clock(cluster, master, clock)
    master = cluster.settle()
    slave = cluster.best(without=master)
    leases = cluster.leases()
    cluster.checker.mark()
    try:
        for seconds in (HOUR, -HOUR, 10 * YEAR, -10 * YEAR):
            for name in (master, slave):
                shift(cluster, name, seconds)
            cluster.checker.watch(2.5)
        prove_shift(cluster, master)
        cluster.finish(silence_ms=200, answered=(master,))
        assert cluster.leases() == leases
    finally:
        for name in (master, slave):
            without_clock(cluster, name)


def prove_shift(cluster: Cluster, name: str) -> None:
    """The daemon's own log is ten years back: it is asked for a line by an alarm."""
    shift(cluster, name, -10 * YEAR)
    marks = cluster.marks()
    cluster.lab.tell(name, "ip", "address", "del", f"{cluster.ip}/32", "dev", "eth0")
    line = cluster.wait_line(name, "alarm", "what=address-gone", since=marks)
    assert int(line[:4]) < 2020
    cluster.checker.prove(f"the log of {name} has {line.split()[0]}")


def damaged(cluster: Cluster, name: str, script: str) -> None:
    """Stop a slave's daemon, do something to its state file, and start it again."""
    cluster.lab.tell(name, "systemctl", "stop", "corolistener")
    cluster.shell(name, script)
    cluster.lab.tell(name, "systemctl", "start", "corolistener")


@pytest.mark.parametrize(
    "script",
    [
        f"truncate -s -20 {STATE}",
        f"printf 'X' | dd of={STATE} bs=1 seek=40 conv=notrunc status=none",
        f"rm {STATE}",
    ],
    ids=["truncated", "one byte changed", "missing"],
)
def test_row_17_a_state_file_that_cannot_be_believed(cluster: Cluster, script: str) -> None:
    """The node votes only when others have told it the terms, and says so."""
    master = cluster.settle()
    slave = cluster.best(without=master)
    marks = cluster.marks()
    damaged(cluster, slave, script)
    cluster.checker.prove(cluster.wait_line(slave, "alarm", "what=state-lost", since=marks))
    assert cluster.settle() == master
    cluster.wait_role(slave, "S")
    cluster.finish(silence_ms=200, answered=(master,))


def test_row_17_an_older_state_file_is_noticed(cluster: Cluster) -> None:
    master = cluster.settle()
    slave = cluster.best(without=master)
    cluster.shell(slave, f"cp {STATE} {STATE}.older")
    cluster.lab.tell(slave, "systemctl", "restart", "corolistener")
    cluster.settle()
    until(lambda: cluster.lab.ask(slave, "cmp", STATE, f"{STATE}.older").returncode == 1, 20, "another state file")
    marks = cluster.marks()
    damaged(cluster, slave, f"mv {STATE}.older {STATE}; rm -f /run/corolistener/run.json")
    cluster.checker.prove(cluster.wait_line(slave, "alarm", "what=older-state", since=marks))
    assert cluster.settle() == master
    cluster.finish(silence_ms=200, answered=(master,))
