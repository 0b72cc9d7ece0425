"""Rows 14 and 17: the wall clock jumps, and the state file is not what the daemon left."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.run import until
from tests.lab.rows.cluster import LEASE_S, STATE, put

if TYPE_CHECKING:
    from coroctl.lab.handle import Lab
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
def listening_lab(listening_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Its daemons see a wall clock that a test can shift."""
    folder = tmp_path_factory.mktemp("clock")
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(SHIFTED_CLOCK)
    subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    lines = f"[Service]\\nEnvironment=LD_PRELOAD={CLOCK} SHIFTED_CLOCK={OFFSET}\\n"
    script = f"mkdir -p {CLOCK.rpartition('/')[0]} {DROP_IN.rpartition('/')[0]}; printf '{lines}' > {DROP_IN}"
    for name in listening_lab.names:
        listening_lab.tell(name, "sh", "-c", f"{script}; echo 0 > {OFFSET}; systemctl daemon-reload")
        put(listening_lab, name, library, CLOCK)
        listening_lab.tell(name, "systemctl", "restart", "corolistener")
    return listening_lab


def shift(cluster: Cluster, seconds: int) -> None:
    """On every node."""
    for name in cluster.lab.names:
        cluster.shell(name, f"echo {seconds} > {OFFSET}")


def test_row_14_the_wall_clock_jumps(cluster: Cluster) -> None:
    """Forth and back: nothing happens, but that the log has another time."""
    master, leases = cluster.settle(), cluster.leases()
    try:
        for seconds in (HOUR, -HOUR, 10 * YEAR, -10 * YEAR):
            shift(cluster, seconds)
            cluster.checker.watch(LEASE_S + 0.5)
        cluster.finish_without_proof(silence_ms=200, answered=(master,))
        prove_shift(cluster, master)
    finally:
        shift(cluster, 0)
    assert cluster.settle() == master
    cluster.finish(silence_ms=1000, answered=(master,))
    assert cluster.leases() == leases


def prove_shift(cluster: Cluster, name: str) -> None:
    """The daemon's own log is ten years back: something is done to it that it writes down."""
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
