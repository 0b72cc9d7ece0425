"""Each fault that the lab can play really bites, and only where it should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.errors import LabError
from coroctl.lab.network import Faults, ruleset
from coroctl.lab.run import until

if TYPE_CHECKING:
    from coroctl.lab.handle import Lab

pytestmark = pytest.mark.lab


def hears(lab: Lab, listener: str, speaker: str) -> bool:
    """Whether a frame of the speaker's reaches the listener: a gratuitous ARP, which needs no answer."""
    address = lab.plan.node(speaker).addresses[0]
    before = arrived(lab, listener)
    lab.ask(speaker, "ping", "-c", "3", "-i", "0.01", "-W", "0.2", "-b", _broadcast(address))
    return arrived(lab, listener) > before


def _broadcast(address: str) -> str:
    return f"{address.rpartition('.')[0]}.255"


def arrived(lab: Lab, listener: str) -> int:
    """ICMP echo requests that the node has received."""
    lines = lab.tell(listener, "cat", "/proc/net/snmp").splitlines()
    names, numbers = (line.split() for line in lines if line.startswith("Icmp:"))
    return int(numbers[names.index("InEchos")])


def carrier(lab: Lab, name: str) -> bool:
    return "state UP" in lab.tell(name, "ip", "link", "show", "eth0")


def pings(lab: Lab, source: str, target: str) -> bool:
    address = lab.plan.node(target).addresses[0]
    return lab.ask(source, "ping", "-c", "1", "-W", "0.3", address).returncode == 0


def test_whole_lab_hears_everybody(three_nodes: Lab) -> None:
    assert all(hears(three_nodes, a, b) for a in three_nodes.names for b in three_nodes.names if a != b)
    assert all(carrier(three_nodes, name) for name in three_nodes.names)


def test_an_unplugged_node_loses_carrier_and_the_cluster(three_nodes: Lab) -> None:
    three_nodes.unplug("node3")
    until(lambda: not carrier(three_nodes, "node3"), 5, "node3 to lose carrier")
    three_nodes.wait("node3=left", "inquorate@node3", "quorate@node1")
    three_nodes.heal()
    until(lambda: carrier(three_nodes, "node3"), 5, "carrier")
    three_nodes.wait("formed")


def test_an_unplugged_node_stays_so_over_a_power_cycle(three_nodes: Lab) -> None:
    three_nodes.unplug("node3")
    three_nodes.kill("node3")
    three_nodes.start("node3")
    assert not carrier(three_nodes, "node3")
    three_nodes.heal()
    three_nodes.wait("formed")


def test_a_silent_cut_keeps_carrier(three_nodes: Lab) -> None:
    three_nodes.isolate("node3")
    assert carrier(three_nodes, "node3")
    assert not hears(three_nodes, "node1", "node3")
    assert not hears(three_nodes, "node3", "node1")
    three_nodes.wait("node3=left", "inquorate@node3")


def test_a_silent_cut_of_a_group_leaves_it_together(three_nodes: Lab) -> None:
    three_nodes.isolate("node2", "node3")
    assert pings(three_nodes, "node2", "node3")
    assert not pings(three_nodes, "node1", "node3")
    three_nodes.wait("node1=left", "inquorate@node1", "quorate@node2")


def test_cut_one_way_out(three_nodes: Lab) -> None:
    three_nodes.isolate("node3", inward=False)
    assert hears(three_nodes, "node3", "node1")
    assert not hears(three_nodes, "node1", "node3")


def test_cut_one_way_in(three_nodes: Lab) -> None:
    three_nodes.isolate("node3", outward=False)
    assert not hears(three_nodes, "node3", "node1")
    assert hears(three_nodes, "node1", "node3")


def test_a_non_transitive_cut(three_nodes: Lab) -> None:
    three_nodes.part(["node1"], ["node2"])
    assert not pings(three_nodes, "node1", "node2")
    assert pings(three_nodes, "node1", "node3")
    assert pings(three_nodes, "node3", "node2")


def test_a_one_way_cut_between_two(three_nodes: Lab) -> None:
    three_nodes.part(["node1"], ["node2"], outward=False)
    assert not hears(three_nodes, "node1", "node2")
    assert hears(three_nodes, "node2", "node1")
    assert hears(three_nodes, "node3", "node2")


def test_a_node_cannot_heal_its_own_cut(three_nodes: Lab) -> None:
    three_nodes.isolate("node3")
    three_nodes.tell("node3", "nft", "flush", "ruleset")
    assert not pings(three_nodes, "node3", "node1")


def test_loss_is_about_what_was_asked_for(three_nodes: Lab) -> None:
    three_nodes.lose("node3", 50)
    address = three_nodes.plan.node("node3").addresses[0]
    answer = three_nodes.ask("node1", "ping", "-q", "-c", "300", "-i", "0.002", "-W", "1", address)
    received = int(answer.stdout.partition(" packets transmitted, ")[2].split()[0])
    # Both ways: a quarter of the answers come back, give or take four standard deviations.
    assert 45 <= received <= 105
    three_nodes.lose("node3", 0)
    assert pings(three_nodes, "node1", "node3")


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_loss_that_is_none_is_refused(three_nodes: Lab, percent: int) -> None:
    with pytest.raises(LabError, match="0 to 100"):
        three_nodes.lose("node3", percent)


def test_a_dead_node_does_not_answer_from_the_grave(three_nodes: Lab) -> None:
    three_nodes.kill("node3")
    assert not pings(three_nodes, "node1", "node3")
    assert three_nodes.ask("node1", "ip", "neigh", "flush", "all").returncode == 0
    assert not pings(three_nodes, "node1", "node3")


def test_a_frozen_service_stands_still_and_goes_on(three_nodes: Lab) -> None:
    three_nodes.freeze("node3", "corosync")
    three_nodes.wait("node3=left")
    three_nodes.wait("node3=unknown@node3")
    three_nodes.thaw("node3", "corosync")
    three_nodes.wait("formed")


def test_a_frozen_node_executes_nothing(three_nodes: Lab) -> None:
    three_nodes.freeze("node3")
    init = three_nodes.init_pid("node3")
    namespace = _pid_namespace(Path(f"/proc/{init}"))
    states = {
        (entry / "stat").read_text().rpartition(")")[2].split()[0]
        for entry in Path("/proc").glob("[0-9]*")
        if _pid_namespace(entry) == namespace
    }
    assert states == {"T"}
    three_nodes.wait("node3=left")
    three_nodes.thaw("node3")
    three_nodes.wait("formed")


def _pid_namespace(entry: Path) -> str:
    try:
        return str((entry / "ns/pid").readlink())
    except OSError:
        return ""


def test_a_killed_service_is_dead_and_the_node_lives(three_nodes: Lab) -> None:
    three_nodes.kill_processes("node3", "corosync")
    until(lambda: three_nodes.ask("node3", "pidof", "corosync").returncode == 1, 5, "corosync's end")
    assert three_nodes.is_on("node3")
    three_nodes.wait("node3=left")
    with pytest.raises(LabError, match="corosync does not run on node3"):
        three_nodes.kill_processes("node3", "corosync")


def test_a_reboot_from_inside_is_a_new_boot_on_the_same_disk(three_nodes: Lab) -> None:
    before = three_nodes.tell("node3", "cat", "/proc/sys/kernel/random/boot_id")
    three_nodes.tell("node3", "touch", "/var/lib/kept", "/run/lost")
    three_nodes.tell("node3", "systemctl", "reboot")
    three_nodes.wait("node3=left")
    three_nodes.wait("node3=joined")
    assert three_nodes.tell("node3", "cat", "/proc/sys/kernel/random/boot_id") != before
    assert three_nodes.ask("node3", "test", "-e", "/var/lib/kept").returncode == 0
    assert three_nodes.ask("node3", "test", "-e", "/run/lost").returncode == 1


def test_a_node_can_power_itself_off(three_nodes: Lab) -> None:
    three_nodes.tell("node3", "systemctl", "poweroff")
    until(lambda: not three_nodes.is_on("node3"), 30, "node3 to go off")
    with pytest.raises(LabError, match="node3 is off"):
        three_nodes.tell("node3", "true")


def test_a_service_watchdog_bites(three_nodes: Lab) -> None:
    """systemd on a node is real: a unit that stops pinging its watchdog is killed by it."""
    unit = ("--unit=hung", "--property=Type=notify", "--property=WatchdogSec=300ms")
    three_nodes.tell("node3", "systemd-run", *unit, "sh", "-c", "systemd-notify --ready; exec sleep 60")
    until(
        lambda: "Result=watchdog" in three_nodes.tell("node3", "systemctl", "show", "hung", "--property=Result"),
        10,
        "the watchdog",
        every_s=0.1,
    )
    three_nodes.tell("node3", "systemctl", "reset-failed", "hung")


def test_node_and_host_keep_their_state_apart(three_nodes: Lab) -> None:
    assert three_nodes.tell("node1", "ls", "/etc/corosync").split() == ["corosync.conf", "uidgid.d"]
    units = three_nodes.tell("node1", "ls", "/etc/systemd/system").split()
    assert [unit for unit in units if not unit.startswith("coroctl-lab")] == []
    mark = f"/etc/corosync/mark-{three_nodes.plan.name}"
    three_nodes.tell("node1", "touch", mark, "/root/mark")
    assert not Path(mark).exists()
    assert three_nodes.ask("node2", "test", "-e", mark).returncode == 1
    three_nodes.tell("node1", "rm", mark)


def test_the_table_drops_what_the_faults_say() -> None:
    text = ruleset("t", Faults(isolated_out=(("a", "b"),), pairs=(("c", "d"),), loss={"e": 5}))
    assert 'iifname { "a", "b" } oifname != { "a", "b" } drop' in text
    assert 'iifname "c" oifname "d" drop' in text
    assert text.count('"e" numgen random mod 100 < 5 drop') == 2
