"""The checker flags every violation that is played to it, and nothing else. The nodes run no corolistener here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.errors import LabError
from coroctl.lab.checker import plug, proof
from coroctl.lab.checker.checker import Checker
from coroctl.lab.checker.records import Blind, Held, Manager, Open
from coroctl.lab.network import exists
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.lab.handle import Lab

pytestmark = pytest.mark.lab

GATE = """\
table arp corolistener {{
  set lease {{ type ipv4_addr; flags timeout; }}
  chain output {{ type filter hook output priority 0; arp saddr ip {ip} arp saddr ip != @lease drop; }}
}}
table inet corolistener {{
  set lease {{ type ipv4_addr; flags timeout; }}
  chain input {{ type filter hook input priority 0; ip daddr {ip} ip daddr != @lease drop; }}
}}
"""


class Play:
    """A cluster without a daemon: the test itself adds addresses, renews leases and starts managers."""

    def __init__(self, lab: Lab, checker: Checker) -> None:
        self.lab = lab
        self.checker = checker
        self.ip = lab.plan.cloud_ip

    def nft(self, name: str, script: str) -> None:
        self.lab.tell(name, "sh", "-c", f"nft -f - <<'END'\n{script}\nEND")

    def gate(self, *names: str) -> None:
        for name in names:
            self.nft(name, GATE.format(ip=self.ip))

    def renew(self, name: str, ms: int) -> None:
        families = ("arp", "inet")
        lines = (
            f"add element {family} corolistener lease {{ {self.ip} }}\n"
            f"delete element {family} corolistener lease {{ {self.ip} }}\n"
            f"add element {family} corolistener lease {{ {self.ip} timeout {ms}ms }}"
            for family in families
        )
        self.nft(name, "\n".join(lines))

    def address(self, name: str, verb: str = "add") -> None:
        self.lab.tell(name, "ip", "address", verb, f"{self.ip}/32", "dev", "eth0")

    def manager(self, name: str) -> None:
        self.lab.tell(name, "systemd-run", "--unit=vmmgr", "--collect", "sleep", "600")

    def open_after(self, moment: int) -> int | None:
        """The lease recorded after that moment."""
        records = self.checker.records()
        return next((one.until for one in records if isinstance(one, Open) and one.moment >= moment), None)


@pytest.fixture
def play(three_nodes: Lab) -> Iterator[Play]:
    with Checker(three_nodes) as checker:
        yield Play(three_nodes, checker)
    for name in three_nodes.names:
        three_nodes.ask(name, "ip", "address", "del", f"{three_nodes.plan.cloud_ip}/32", "dev", "eth0")
        three_nodes.tell(name, "nft", "flush", "ruleset")
        three_nodes.ask(name, "systemctl", "kill", "--signal=KILL", "vmmgr")


def test_a_move_in_order_is_not_flagged(play: Play) -> None:
    play.gate("node1", "node2")
    play.address("node1")
    play.renew("node1", 60_000)
    play.manager("node1")
    play.checker.wait_answer("node1")
    start = play.checker.mark()
    play.lab.tell("node1", "systemctl", "stop", "vmmgr")
    play.renew("node1", 200)
    until(lambda: (play.open_after(start) or 0) > 0, 5, "the last lease")
    play.checker.wait_silence()
    play.address("node2")
    play.renew("node2", 60_000)
    play.manager("node2")
    play.checker.wait_answer("node2")
    until(lambda: manager_seen(play.checker, "node2"), 5, "the manager to be seen")
    report = play.checker.report()
    print(report)
    assert report.violations == ()
    assert report.overlap_us == 0
    assert report.answered == ("node1", "node2")
    assert 0 < report.silence_ms < 5_000
    assert report.late_us < 50_000


def manager_seen(checker: Checker, name: str) -> bool:
    return any(isinstance(one, Manager) and one.node == name and one.processes for one in checker.records())


def test_the_kernels_count_of_a_lease_is_the_checkers(play: Play) -> None:
    """What ends an answer is what the checker says had to end it."""
    play.gate("node1")
    play.address("node1")
    play.renew("node1", 400)
    play.checker.wait_answer("node1")
    play.checker.wait_silence()
    records = play.checker.records()
    ends = [one.until for one in records if isinstance(one, Open) and 0 < one.until < 1 << 61]
    last = max(moment for moment, _ in answers(play.checker))
    print(f"last answer {(last - ends[-1]) / 1e3:+.1f} ms from the lease's end")
    assert -25_000 < last - ends[-1] < 10_000


def answers(checker: Checker) -> list[tuple[int, str]]:
    from coroctl.lab.checker.histories import answers

    return answers(checker.records(), checker.plan.cloud_ip)


def test_a_second_address_by_hand_is_flagged_from_both_sides(play: Play) -> None:
    play.address("node1")
    play.checker.wait_answer("node1")
    play.address("node3")
    play.checker.wait_answer("node3")
    until(lambda: len(play.checker.report().speakers) > 1, 5, "both to be seen answering")
    report = play.checker.report()
    print(report)
    assert {(each.first, each.second) for each in report.holders} == {("node1", "node3")}
    assert {(each.first, each.second) for each in report.speakers} == {("node1", "node3")}


def test_a_second_holder_behind_a_cut_is_flagged(play: Play) -> None:
    """A client sees one of them; the bridge and the kernel see both."""
    play.address("node1")
    play.checker.wait_answer("node1")
    play.lab.isolate("node1")
    play.checker.wait_silence()
    play.address("node2")
    play.checker.wait_answer("node2")
    until(lambda: bool(play.checker.report().speakers), 5, "both to be seen answering")
    report = play.checker.report()
    assert report.answered == ("node1", "node2")
    assert [(each.first, each.second) for each in report.holders] == [("node1", "node2")]


def test_an_overlap_of_leases_is_flagged_though_nobody_was_asked(play: Play) -> None:
    """Unplugged, a node answers nobody; it holds the address all the same."""
    play.gate("node1", "node2")
    play.address("node1")
    play.renew("node1", 60_000)
    play.checker.wait_answer("node1")
    play.lab.unplug("node1")
    play.checker.wait_silence()
    play.address("node2")
    play.renew("node2", 60_000)
    play.checker.wait_answer("node2")
    report = play.checker.report()
    assert report.speakers == ()
    assert [(each.first, each.second) for each in report.holders] == [("node1", "node2")]


def test_a_flushed_gate_is_an_open_one(play: Play) -> None:
    play.gate("node1", "node2")
    play.address("node1")
    play.address("node2")
    play.renew("node2", 60_000)
    play.checker.wait_answer("node2")
    assert play.checker.report().holders == ()
    play.lab.tell("node1", "nft", "flush", "ruleset")
    until(lambda: bool(play.checker.report().holders), 5, "two holders to be seen")


def test_rules_taken_out_of_the_gate_leave_it_open(play: Play) -> None:
    play.gate("node1")
    play.address("node1")
    start = play.checker.mark()
    play.lab.tell("node1", "nft", "flush", "chain", "arp", "corolistener", "output")
    until(lambda: (play.open_after(start) or 0) > 1 << 61, 5, "an open gate to be seen")


def test_a_flushed_set_is_a_lease_no_more(play: Play) -> None:
    play.gate("node1")
    play.renew("node1", 60_000)
    start = play.checker.mark()
    for family in ("arp", "inet"):
        play.lab.tell("node1", "nft", "flush", "set", family, "corolistener", "lease")
    until(lambda: play.open_after(start) is not None, 5, "the flush to be seen")
    assert [one.until for one in play.checker.records() if isinstance(one, Open)][-1] == 0


def test_a_second_manager_is_flagged(play: Play) -> None:
    play.manager("node1")
    play.manager("node2")
    until(lambda: bool(play.checker.report().managers), 5, "two managers to be seen")
    report = play.checker.report()
    print(report)
    assert (report.managers[0].first, report.managers[0].second) == ("node1", "node2")
    assert report.holders == ()


def test_a_manager_on_a_frozen_node_is_excused_and_no_longer(play: Play) -> None:
    play.manager("node1")
    until(lambda: manager_seen(play.checker, "node1"), 5, "the manager to be seen")
    with play.checker.frozen("node1"):
        play.manager("node2")
        until(lambda: manager_seen(play.checker, "node2"), 5, "the other manager to be seen")
    report = play.checker.report()
    print(report)
    assert report.violations == ()
    assert [(each.first, each.second) for each in report.excused] == [("node1", "node2")]
    assert "all on node1 stood still" in report.proofs[0]
    until(lambda: bool(play.checker.report().managers), 5, "the excuse to end")


def test_a_fault_that_does_not_bite_is_an_error(play: Play) -> None:
    with pytest.raises(LabError, match="was to stand still"), play.checker.frozen("node1", "corosync"):
        play.lab.thaw("node1", "corosync")


def test_a_term_that_repeats_is_flagged(play: Play) -> None:
    line = "2026-11-22T10:00:0{second}.000+00:00 info {name} 7 lease tenure=7/1"
    for second, name in enumerate(("node1", "node2")):
        text = line.format(second=second, name=name)
        play.lab.tell(name, "sh", "-c", f"echo '{text}' >> /var/log/corolistener.log")
    try:
        assert [each.partition(":")[0] for each in play.checker.report().violations] == ["P8"]
    finally:
        for name in ("node1", "node2"):
            play.lab.tell(name, "rm", "/var/log/corolistener.log")


def test_a_node_that_is_powered_off_holds_nothing_any_more(play: Play) -> None:
    play.address("node3")
    play.checker.wait_answer("node3")
    play.lab.kill("node3")
    until(lambda: not held(play.checker, "node3"), 5, "the loss of the address to be seen")
    assert proof.carrier(play.lab, "node3").endswith("is gone")
    play.lab.start("node3")
    play.checker.wait_attached("node3")
    play.address("node3")
    until(lambda: held(play.checker, "node3"), 5, "the address to be seen again")
    assert not any(isinstance(one, Blind) for one in play.checker.records())


def held(checker: Checker, name: str) -> bool:
    told = [one.present for one in checker.records() if isinstance(one, Held) and one.node == name]
    return bool(told) and told[-1]


def test_the_checker_leaves_nothing_behind(three_nodes: Lab) -> None:
    with Checker(three_nodes) as checker:
        assert exists(plug.name(three_nodes.plan))
    assert not exists(plug.name(three_nodes.plan))
    with pytest.raises(LabError, match="has ended"):
        checker.records()
