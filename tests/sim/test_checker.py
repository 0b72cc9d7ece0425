"""The checker is checked: every promise is broken on purpose, and must be flagged."""

from __future__ import annotations

from coroctl.decision.messages import Answer, Verb, Verdict
from coroctl.decision.values import Identity, Tenure
from coroctl.model import NodeId
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.cluster import Cluster

ONE, TWO = NodeId(1), NodeId(2)


def running() -> Cluster:
    cluster = Cluster(1, 3)
    cluster.start()
    cluster.run(8 * SECOND)
    assert not cluster.checker.violations
    return cluster


def promises(cluster: Cluster) -> set[str]:
    return {violation.promise for violation in cluster.checker.violations}


def test_a_second_speaker_by_hand() -> None:
    cluster = running()
    machine = cluster.machines[TWO]
    machine.kernel.address = True
    machine.kernel.element = cluster.timeline.now + SECOND
    cluster.speech(machine)
    assert promises(cluster) == {"P1"}


def test_an_address_behind_a_closed_gate_is_no_speaker() -> None:
    cluster = running()
    machine = cluster.machines[TWO]
    machine.kernel.address = True
    cluster.speech(machine)
    assert not cluster.checker.violations


def test_an_address_without_a_gate_is_one() -> None:
    cluster = running()
    machine = cluster.machines[TWO]
    machine.kernel.address, machine.kernel.gate = True, False
    cluster.speech(machine)
    assert promises(cluster) == {"P1"}


def flushed(cluster: Cluster, lease_ended_us: int) -> None:
    """Node 2 still has the address from a lease that ended so long ago, and its gate was flushed."""
    machine = cluster.machines[TWO]
    machine.kernel.flush()
    machine.kernel.address = True
    machine.kernel.armed_until = cluster.timeline.now - lease_ended_us
    cluster.speech(machine)


def test_a_flushed_gate_is_conceded_for_as_long_as_the_lifetime_bounds_it() -> None:
    cluster = running()
    flushed(cluster, 1290 * MS)
    assert not cluster.checker.violations
    assert cluster.checker.told
    cluster = running()
    flushed(cluster, 1310 * MS)
    assert promises(cluster) == {"P1"}


def test_without_nftables_only_the_frozen_process_is_conceded() -> None:
    for frozen, found in ((True, set()), (False, {"P1"})):
        cluster = Cluster(1, 3, nftables=False)
        cluster.start()
        cluster.run(8 * SECOND)
        machine = cluster.machines[TWO]
        machine.frozen = frozen
        machine.kernel.address = True
        cluster.speech(machine)
        assert promises(cluster) == found


def test_a_second_manager() -> None:
    cluster = running()
    cluster.machines[TWO].services.run_manager()
    assert promises(cluster) == {"P1b"}


def test_a_term_that_falls_and_a_tenure_that_comes_again() -> None:
    cluster = running()
    first = cluster.checker.leases[0][1]
    cluster.checker.lease(Tenure(9, TWO, 1, 1), TWO)
    cluster.checker.lease(Tenure(8, ONE, 1, 1), ONE)
    cluster.checker.lease(first, ONE)
    assert [violation.promise for violation in cluster.checker.violations] == ["P8", "P8"]


def test_a_suspended_node_speaks_or_starts_something() -> None:
    cluster = running()
    cluster.ask(ONE, Verb.SUSPEND, TWO)
    cluster.run(SECOND)
    machine = cluster.machines[TWO]
    assert machine.state is not None
    cluster.checker.acts(machine, machine.state, "start the manager")
    assert promises(cluster) == {"P4"}
    cluster.checker.violations.clear()
    machine.kernel.address, machine.kernel.element = True, cluster.timeline.now + SECOND
    cluster.run(SECOND)
    assert promises(cluster) == {"P1", "P4"}


def test_two_files_of_one_version() -> None:
    cluster = running()
    cluster.checker.loads(cluster.machines[ONE], Identity(2, "a"), (), by_hand=False)
    cluster.checker.loads(cluster.machines[TWO], Identity(2, "b"), (), by_hand=False)
    assert promises(cluster) == {"P3"}


def test_what_was_refused_appears() -> None:
    cluster = running()
    cluster.checker.answered(Answer("r", Verdict.REFUSED))
    cluster.checker.loads(cluster.machines[ONE], Identity(2, "a"), ("r",), by_hand=False)
    assert promises(cluster) == {"P3"}


def test_what_was_ok_is_lost() -> None:
    cluster = running()
    cluster.checker.loaded.add("r")
    cluster.checker.answered(Answer("r", Verdict.OK))
    assert not cluster.checker.violations
    cluster.checker.finally_good(cluster.timeline.now, 100, 20 * SECOND)
    assert promises(cluster) == {"P3"}


def test_nobody_in_office_in_the_end() -> None:
    cluster = running()
    cluster.machines[ONE].power_off()
    cluster.checker.finally_good(cluster.timeline.now, 100, 20 * SECOND)
    assert promises(cluster) == {"liveness"}


def test_an_adoption_that_was_refused_and_one_that_was_not_made() -> None:
    cluster = running()
    machine, checker = cluster.machines[TWO], cluster.checker
    checker.answered(Answer("r1", Verdict.REFUSED))
    assert not checker.violations
    checker.adopts(machine, machine.loaded, "r1")
    assert [violation.what for violation in checker.violations] == ["r1 was refused and is in 1:f0 on 2"]
    checker.answered(Answer("r2", Verdict.OK))
    assert len(checker.violations) == 2


def test_an_adopted_file_need_not_be_the_clusters_and_a_loaded_one_must() -> None:
    cluster = running()
    settings = cluster.files[cluster.machines[TWO].loaded].settings
    cluster.load_by_hand(TWO, settings, "hand")
    cluster.checker.adopts(cluster.machines[ONE], Identity(1, "hand"), "r1")
    assert not cluster.checker.violations
    cluster.checker.loads(cluster.machines[ONE], Identity(1, "hand"), (), by_hand=False)
    assert promises(cluster) == {"P3"}
