"""The promises of faults.md, watched after every step from outside the nodes: P1, P1b, P3, P4, P8, and liveness.

An overlap of two speakers begins when somebody begins to speak, so that is the moment to look: no instant is missed,
and nothing needs polling. A violation is kept, never raised: a run goes on and reports all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.messages import Answer, Verdict
from coroctl.decision.values import Office
from coroctl.model import NodeId, Role
from coroctl.sim.clock import SECOND
from coroctl.sim.machine_checker import MachineChecker

if TYPE_CHECKING:
    from coroctl.decision.state import State
    from coroctl.decision.values import Identity, Tenure
    from coroctl.sim.cluster import Cluster
    from coroctl.sim.machine import Machine

AFTER_THAW_US = 700_000
"""A thawed node's daemon or guard kills the manager within this; P1b is not promised without fencing before."""


LIFETIME_MORE_US = 1300_000
"""A flush of the ruleset while everything is frozen: the address ends so long after its lease at most."""
MEETING_US = SECOND
"""Two holders that hear each other again are one within this."""
CLOSING_US = 10_000
"""A thawed daemon closes what it opened by an action that it had decided before the freeze."""


class Violation(NamedTuple):
    """A promise that was broken, and when."""

    promise: str
    moment: int
    what: str

    def __str__(self) -> str:
        return f"{self.promise} at {self.moment / 1e6:.6f}: {self.what}"


class Checker:
    """Sees everything that happens, and touches nothing."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.violations: list[Violation] = []
        self.leases: list[tuple[int, Tenure]] = []
        self.versions: dict[int, Identity] = {}
        self.answers: dict[str, set[Verdict]] = {}
        self.adoptions: set[str] = set()
        """Requests that concern the file of one node only."""
        self.given_away: set[str] = set()
        """Requests whose change an operator let go, who adopted a file without it when no file was a majority's."""
        self.loaded: set[str] = set()
        """Requests whose edit is in a file that some node has loaded; of adoptions, that were carried out."""
        self.machines = MachineChecker(self)
        self.told: set[str] = set()
        """Overlaps that are conceded."""

    def violated(self, promise: str, what: str) -> None:
        """Keep it."""
        self.violations.append(Violation(promise, self.cluster.timeline.now, what))

    def speaks(self, machine: Machine) -> None:
        """P1: somebody begins to speak, or goes on; nobody else may."""
        now = self.cluster.timeline.now
        if not machine.kernel.speaks(now):
            return
        for other in self.cluster.everywhere():
            if other is not machine and other.powered and other.kernel.speaks(now):
                self.overlap(machine, other)

    def overlap(self, machine: Machine, other: Machine) -> None:
        """Two speak. It is told, but no violation, where the docs say that it may happen."""
        what = f"{machine.node} and {other.node} hold the address"
        why = self.conceded(machine) or self.conceded(other) or self.twice()
        if not why:
            self.violated("P1", what)
        elif what not in self.told:
            self.told.add(what)
            self.cluster.note(NodeId(0), f"{what}: {why}")

    def conceded(self, machine: Machine) -> str:
        """Why P1 is not promised for what this node says now; empty if it is."""
        now, kernel = self.cluster.timeline.now, machine.kernel
        if not kernel.gate and kernel.nftables and now < kernel.armed_until + LIFETIME_MORE_US:
            return f"the gate of {machine.node} was flushed; its address ends by its own lifetime"
        stopped = machine.frozen or machine.all_frozen or now < machine.thawed_at + CLOSING_US
        if not kernel.nftables and stopped:
            return f"{machine.node} has no nftables, and was frozen"
        return ""

    def twice(self) -> str:
        """Why nothing is promised while two machines with one id are parted by a cut; empty if none are."""
        network = self.cluster.network
        cut = network.cuts or self.cluster.timeline.now < network.healed_at + MEETING_US
        parted = [one for one in self.cluster.clones if one.powered and cut]
        return f"node {parted[0].node} is there twice, and counts on both sides of a cut" if parted else ""

    def manager_runs(self, machine: Machine) -> None:
        """P1b, where no whole node is or just was frozen."""
        for other in self.cluster.everywhere():
            there = other is not machine and other.powered and other.manager
            if there and not self.excused(other) and not self.twice():
                self.violated("P1b", f"the manager runs on {machine.node} and {other.node}")

    def excused(self, machine: Machine) -> bool:
        """Guaranteed without fencing except while a whole node is frozen."""
        return machine.all_frozen or self.cluster.timeline.now < machine.all_thawed_at + AFTER_THAW_US

    def acts(self, machine: Machine, state: State, what: str) -> None:
        """P4: a suspended node holds nothing and starts nothing."""
        member = state.files.settings.member(machine.node)
        if (member is not None and member.suspended) or state.world.role is Role.SUSPENDED:
            self.violated("P4", f"{machine.node} is suspended, and begins: {what}")

    def rests(self, machine: Machine) -> None:
        """P4: a suspended node that has carried out what it decided does not speak."""
        if machine.kernel.speaks(self.cluster.timeline.now):
            self.violated("P4", f"{machine.node} is suspended and holds the address")

    def stepped(self, machine: Machine, before: State, after: State) -> None:
        """P8: terms of successive leases strictly rise, no tenure occurs twice."""
        claim = after.claim
        if claim.office is not Office.HOLDING or not claim.sent or claim.tenure is None:
            return
        if before.claim.tenure == claim.tenure and before.claim.sent:
            return
        self.lease(claim.tenure, machine.node)

    def lease(self, tenure: Tenure, node: NodeId) -> None:
        """A lease begins, or is renewed after a restart."""
        if self.leases and self.leases[-1][1] == tenure:
            return
        if any(one == tenure for _, one in self.leases):
            self.violated("P8", f"tenure {tenure} occurs twice")
        elif self.leases and tenure.term <= self.leases[-1][1].term:
            self.violated("P8", f"{node} holds term {tenure.term} after term {self.leases[-1][1].term}")
        self.leases.append((self.cluster.timeline.now, tenure))

    def loads(self, machine: Machine, identity: Identity, requests: tuple[str, ...], *, by_hand: bool) -> None:
        """P3 and row 30: no two files of one version; what was refused is in none."""
        if by_hand:
            return
        known = self.versions.setdefault(identity.version, identity)
        if known != identity:
            self.violated("P3", f"{machine.node} loads {identity}, and {known} has that version")
        self.carries(machine, identity, requests)

    def adopts(self, machine: Machine, identity: Identity, request: str) -> None:
        """An operator has let this node take a file over its own; it may have been made by hand, whatever its number.

        What it leads to is promised like any change: refused is not done, and done is what was asked for.
        """
        kept = self.cluster.files[identity].requests
        self.carries(machine, identity, (*kept, request))
        if self.parted():
            # No file is a majority's, and a person says which one counts: what is not in it is given away.
            self.given_away |= self.answers.keys() - {*kept}

    def carries(self, machine: Machine, identity: Identity, requests: tuple[str, ...]) -> None:
        """P3: what was refused is in no file."""
        for request in requests:
            self.loaded.add(request)
            if Verdict.REFUSED in self.answers.get(request, ()):
                self.violated("P3", f"{request} was refused and is in {identity} on {machine.node}")

    def answered(self, answer: Answer) -> None:
        """An operator got an answer."""
        if self.machines.answered(answer):
            return
        self.answers.setdefault(answer.id, set()).add(answer.verdict)
        if answer.verdict is Verdict.REFUSED and answer.id in self.loaded:
            self.violated("P3", f"{answer.id} is refused and was loaded")
        if answer.verdict is Verdict.OK and answer.id not in self.loaded:
            self.violated("P3", f"{answer.id} is ok and no node has loaded it")

    def finally_good(self, since: int, terms_allowed: int, gap_us: int) -> None:
        """Liveness: long after the last fault there is one holder, it serves, and nothing moves; and P3's "ok".

        `gap_us`: for so long the next hand-over to the same node is put off (L13).
        """
        cluster = self.cluster
        holders = [one for one in cluster.machines.values() if one.holds()]
        if not holders and self.parted_by_a_clone():
            return
        if len(holders) != 1:
            self.violated("liveness", f"{len(holders)} holders in the end: {cluster.summary()}")
            return
        holder = holders[0]
        if cluster.could_serve() and not (holder.kernel.speaks(cluster.timeline.now) and holder.manager):
            self.violated("liveness", f"{holder.node} holds and does not serve: {cluster.summary()}")
        moves = [(moment, tenure) for moment, tenure in self.leases if moment > since]
        late = [str(tenure) for moment, tenure in moves if not self.put_off(moment, tenure, gap_us)]
        if late:
            self.violated("liveness", f"the lease still moves: {' '.join(late)}")
        if self.leases[-1][1].term > terms_allowed:
            self.violated("liveness", f"term {self.leases[-1][1].term} after so few faults")
        self.nothing_lost(holder)
        self.machines.finally_good()

    def parted_by_a_clone(self) -> bool:
        """A clone that was master and is gone may leave so many files that none is a majority's: which one counts, a
        person must say (`conf adopt`). That is no liveness; every other promise is still held.
        """
        return bool(self.cluster.clones) and self.parted()

    def parted(self) -> bool:
        """Whether no file is loaded by more than half of the machines."""
        loaded = [one.loaded for one in self.cluster.machines.values()]
        return max(map(loaded.count, loaded)) <= len(loaded) // 2

    def put_off(self, moment: int, tenure: Tenure, gap_us: int) -> bool:
        """Whether a lease moved just when a hand-over that L13 had put off was due: 10 L, or twice that, or ..."""
        since_last = [moment - at for at, earlier in self.leases if earlier.node == tenure.node and at < moment]
        waits = [gap_us << doublings for doublings in range(4)]
        return any(-SECOND < waited - wait < 2 * SECOND for waited in since_last for wait in waits)

    def nothing_lost(self, holder: Machine) -> None:
        """P3: what was answered ok is in the file that the holder has in the end."""
        kept = self.cluster.files[holder.loaded].requests
        for request, verdicts in self.answers.items():
            excused = request in self.adoptions or request in self.given_away
            if Verdict.OK in verdicts and request not in kept and not excused:
                self.violated("P3", f"{request} was ok and is lost")
