"""Row 30: the master dies at each step of a change: it is everywhere or nowhere, and one version is one file."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from coroctl.lab.checker.register import violations
from tests.lab.rows.changes import Asking, Files, Later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.lab.checker.register import Change
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab


class Step(NamedTuple):
    """Where the change stands when the master dies: what is held back, and whose log line says that it is there."""

    frozen: tuple[tuple[str, str], ...]
    """(who, what), stopped before the change is asked for."""
    who: str
    event: str
    not_yet: tuple[tuple[str, str], ...]
    """(who, event) that must not have come to pass: else the change was further."""


STEPS = {
    "announced": Step(
        (("second", "corolistener"), ("third", "corolistener")), "master", "staged", (("second", "staged"),)
    ),
    "stored by a majority": Step((("third", "corolistener"),), "second", "staged", (("master", "committed"),)),
    "committed": Step((("master", "corosync"),), "master", "committed", (("master", "configuration"),)),
    "loaded by the master": Step((("third", "corosync"),), "master", "configuration", (("third", "configuration"),)),
}
POWER, DAEMON = "power", "daemon"
RISE = 1000
"""A new master raises its own priority by 1: a value of this test is no other one's."""


QUICK = {("announced", DAEMON), ("stored by a majority", POWER), ("committed", POWER)}
CASES = [
    pytest.param(step, dies, marks=() if (step, dies) in QUICK else pytest.mark.slow, id=f"{step}, {dies}")
    for step in STEPS
    for dies in (DAEMON, POWER)
]


@pytest.mark.parametrize(("step", "dies"), CASES)
def test_row_30_the_master_dies_in_the_middle_of_a_change(cluster: Cluster, step: str, dies: str) -> None:
    files, held = Files(cluster), STEPS[step]
    files.wait_same()
    master = cluster.settle()
    second = cluster.best(without=master)
    [third] = [name for name in cluster.lab.names if name not in (master, second)]
    names = {"master": master, "second": second, "third": third}
    # Its own priority: a preflight asks a node how it is, and here the others are to say nothing.
    node, before = cluster.nodeid(master), files.priorities(master)[str(cluster.nodeid(master))]
    prio = max(map(int, files.priorities(master).values())) + RISE
    asking = Asking(cluster, master)
    with stopped(cluster, [(names[who], what) for who, what in held.frozen], dead=master if dies == POWER else ""):
        marks = cluster.marks()
        asked = Later(asking, f"row-30-{time.time_ns()}", node, prio)
        cluster.wait_line(names[held.who], held.event, since=marks, timeout_s=5)
        end(cluster, master, dies)
        for who, event in held.not_yet:
            assert cluster.lines(names[who], event, since=marks) == [], f"{event} on {who}: too late"
        cluster.checker.prove(f"{master} died with the change {step}")
    change = asked.end()
    cluster.settle()
    cluster.make_whole()
    files.wait_same()
    judge(files, change, before)
    cluster.finish()


@contextlib.contextmanager
def stopped(cluster: Cluster, what: list[tuple[str, str]], *, dead: str) -> Iterator[None]:
    """What is held back goes on afterwards, but on a node that is off by then."""
    with contextlib.ExitStack() as stack:
        for name, service in what:
            if name == dead:
                cluster.lab.freeze(name, service)
            else:
                stack.enter_context(cluster.checker.frozen(name, service))
        yield


def end(cluster: Cluster, master: str, dies: str) -> None:
    if dies == POWER:
        cluster.lab.kill(master)
    else:
        cluster.lab.kill_processes(master, "corolistener")


def judge(files: Files, change: Change, before: str) -> None:
    """P3, and nothing in between: the priority is the old one or the new one."""
    held = {name: files.priorities(name) for name in files.cluster.lab.names}
    print(f"answered {change.verdict.value}; priority {before}, asked for {change.value}, is {held}")
    assert violations([change], held) == ()
    assert {row[change.key] for row in held.values()} in ({before}, {change.value})
    files.insist_one_file_a_version()
