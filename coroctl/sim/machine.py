"""One simulated node: its power, clock, kernel, disk, manager, and the daemon's process that runs the real core.

The process can be frozen or killed anywhere, also between two actions of one step: actions that were decided and not
carried out wait in `pending`, and the clock is checked before each, exactly as actions.py asks of the daemon.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from coroctl.decision.actions import Do
from coroctl.decision.core import Start, boot, step
from coroctl.decision.events import Heard, Input
from coroctl.decision.lease import holds
from coroctl.decision.state import Turn
from coroctl.model import NodeId, Role
from coroctl.sim import dead_man
from coroctl.sim.clock import SECOND, Clock
from coroctl.sim.dead_man import CommitDeadMan, TicketSet
from coroctl.sim.effects import PERFORM
from coroctl.sim.estate import EstateHost, ForEstate
from coroctl.sim.kernel import Kernel
from coroctl.sim.kinds import Trap
from coroctl.sim.services import Disk, Services

if TYPE_CHECKING:
    from coroctl.decision.actions import Action
    from coroctl.decision.estate.actions import Action as EstateAction
    from coroctl.decision.events import Event
    from coroctl.decision.state import State
    from coroctl.decision.values import Identity, Office, Run
    from coroctl.sim.cluster import Cluster

    Told = Event | ForEstate | TicketSet
    Asked = Action | EstateAction | CommitDeadMan

CLONES = 100
"""A clone of node 3 is at place 103 of the network."""
SOCKET_BUFFER = 400
REMEMBERED = 20


class Machine:
    """A node."""

    def __init__(self, cluster: Cluster, node: NodeId, clock: Clock, loaded: Identity, *, clone: bool = False) -> None:
        self.cluster = cluster
        self.node = node
        self.place = NodeId(node + CLONES) if clone else node
        """In the network. A second machine with the same id is elsewhere."""
        self.clock = clock
        self.boots = 1
        self.powered = True
        self.kernel = self.new_kernel()
        self.disk = Disk(self)
        self.services = Services(self)
        self.estate = EstateHost(self)
        self.run: Run | None = None
        self.loaded = loaded
        self.history = [loaded]
        """The files that were in force here, the newest last."""
        self.state: State | None = None
        self.life = 0
        """Counts processes: what was asked by a dead one is answered to nobody."""
        self.start_wanted = False
        self.frozen = False
        self.all_frozen = False
        self.thawed_at = self.all_thawed_at = -10 * SECOND
        self.inbox: deque[Told] = deque()
        self.pending: deque[Asked] = deque()
        self.trap: Trap | None = None
        self.trap_in = 0
        self.trap_us = 0
        self.trap_on: type | None = None
        self.wake = 0

    @property
    def manager(self) -> bool:
        """Whether the manager's processes exist here."""
        return self.services.manager

    def holds(self) -> bool:
        """Whether the daemon here counts on a valid lease now."""
        if self.state is None or not self.powered or self.frozen or self.all_frozen:
            return False
        return holds(Turn(self.state, self.clock.read(self.cluster.timeline.now), 0))

    def office(self) -> Office | None:
        """Of a living daemon."""
        return self.state.claim.office if self.state is not None else None

    def note(self, text: str) -> None:
        """Something has happened here."""
        self.cluster.note(self.node, text if self.place == self.node else f"(clone) {text}")

    def new_kernel(self) -> Kernel:
        """Of another boot."""
        cluster = self.cluster
        speech = partial(cluster.speech, self)
        return Kernel(cluster.timeline, self.clock, cluster.sweeps, speech, nftables=cluster.nftables)

    # Process

    def start(self) -> None:
        """systemd starts the daemon; a no-op where it runs or cannot."""
        if self.state is not None or not self.powered or self.all_frozen:
            return
        cluster = self.cluster
        self.life += 1
        self.kernel.restore()
        cluster.speech(self)
        view = cluster.corosync.views.get(self.node)
        gone = self.node in cluster.corosync.down or self.node in cluster.corosync.frozen
        self.state, actions = boot(
            Start(
                self.node,
                self.boots,
                cluster.files[self.loaded].settings,
                self.clock.read(cluster.timeline.now),
                cluster.draw(),
                self.disk.record,
                self.run,
                view.members if view and not gone else frozenset(),
                bool(view and view.quorate and not gone),
                self.kernel.address and (self.services.manager or not cluster.template.service),
                self.disk.staged,
                cluster.rules,
            ),
        )
        self.pending.extend(actions)
        self.estate.start()
        cluster.power.arm(self)
        self.work()

    def kill(self) -> None:
        """kill -9. What was decided and not done is never done."""
        if self.state is None:
            return
        self.start_wanted = False
        self.state = None
        self.life += 1
        self.frozen = False
        self.inbox.clear()
        self.pending.clear()
        self.trap = None
        self.disk.interrupted()
        self.estate.end()

    def put_in_force(self, identity: Identity) -> None:
        """Another file is in place."""
        self.loaded = identity
        if self.history[-1] != identity:
            self.history = [*self.history, identity][-REMEMBERED:]

    def start_again(self) -> None:
        """systemctl start after a stop: at once, or when the stop is over."""
        if self.state is not None:
            self.start_wanted = True
        else:
            self.start()

    def exit(self) -> None:
        """The daemon has ended cleanly. It is not started again by itself."""
        self.note("the daemon has ended")
        again = self.start_wanted
        self.kill()
        if again:
            self.cluster.timeline.after(0, self.start)

    def freeze(self, us: int) -> None:
        """SIGSTOP, and SIGCONT later."""
        if self.state is not None and not self.frozen:
            self.frozen = True
            self.cluster.timeline.after(us, self.thaw, self.life)

    def thaw(self, life: int) -> None:
        """SIGCONT."""
        if self.life == life and self.frozen:
            self.frozen = False
            self.thawed_at = self.cluster.timeline.now
            self.work()

    def freeze_all(self, us: int) -> None:
        """Every process of the node, the manager's and corosync's too; the kernel goes on."""
        if self.powered and not self.all_frozen:
            self.all_frozen = True
            self.cluster.corosync.changed()
            self.cluster.timeline.after(us, self.thaw_all, self.boots)

    def thaw_all(self, boots: int) -> None:
        """All go on, in whatever order."""
        if self.boots == boots and self.all_frozen:
            self.all_frozen = False
            self.thawed_at = self.all_thawed_at = self.cluster.timeline.now
            self.cluster.corosync.changed()
            # The daemon may be scheduled before the guard, or after it.
            first, second = self.services.guard_again, self.work
            if self.cluster.random.random() < self.cluster.daemon_first:
                first, second = second, first
            first()
            second()

    def power_off(self) -> None:
        """Everything that is not on disk is gone."""
        if not self.powered:
            return
        self.kill()
        self.powered = self.all_frozen = False
        self.kernel = self.new_kernel()
        self.services.power_off()
        self.estate.guests.power_off()
        self.cluster.power.gone(self)
        self.run = None
        self.cluster.speech(self)
        self.cluster.corosync.changed()

    def power_on(self) -> None:
        """Another boot of the same disk."""
        if self.powered:
            return
        self.powered = True
        self.boots += 1
        self.cluster.corosync.views.pop(self.node, None)
        self.cluster.corosync.changed(graceful=True)
        self.cluster.timeline.after(SECOND, self.start)

    def set_trap(self, trap: Trap, count: int, us: int, on: type | None = None) -> None:
        """Freeze or kill between two actions: after `count` more of them, before the next (of that type, if given)."""
        self.trap, self.trap_in, self.trap_us, self.trap_on = trap, count, us, on

    # Work

    def deliver(self, event: Told) -> None:
        """Something happens that the daemon will see, once it runs."""
        if self.state is None:
            return
        if self.frozen or self.all_frozen or self.pending:
            if len(self.inbox) < SOCKET_BUFFER or type(event) is not Heard:
                self.inbox.append(event)
            return
        self.take(event)
        if self.inbox:
            self.work()

    def later(self, delay: int, event: Told) -> None:
        """An effect's end, told to the process that asked."""
        self.cluster.timeline.after(delay, self.tell, self.life, event)

    def tell(self, life: int, event: Told) -> None:
        """Unless it has died meanwhile."""
        if life == self.life:
            self.deliver(event)

    def work(self) -> None:
        """What was left over, then what has arrived, as far as it goes."""
        self.carry_out()
        while self.inbox and not self.pending and not self.frozen and not self.all_frozen and self.state is not None:
            self.take(self.inbox.popleft())

    def take(self, event: Told) -> None:
        """One step of a core, and what it asks for."""
        match event:
            case ForEstate():
                self.estate.feed(event.event)
            case TicketSet():
                self.pending.append(dead_man.read_clock(self, event))
            case _:
                self.step(event)
        self.carry_out()

    def step(self, event: Event) -> None:
        """One step of the lease's core, and of the estate after it; their actions wait to be carried out."""
        before = self.state
        assert before is not None
        cluster = self.cluster
        given = Input(self.clock.read(cluster.timeline.now), cluster.draw(), event)
        self.state, actions = step(before, given)
        cluster.steps += 1
        cluster.checker.stepped(self, before, self.state)
        self.pending.extend(actions)
        self.estate.after(before, self.state)

    def carry_out(self) -> None:
        """The actions, in their order; the process may stop between any two."""
        pending = self.pending
        while pending and not self.frozen and not self.all_frozen and self.state is not None:
            if self.trap is not None and self.trapped(pending[0]):
                continue
            action = pending.popleft()
            PERFORM[type(action)](self, action)
        if not pending and self.state is not None and self.state.world.role is Role.SUSPENDED:
            self.cluster.checker.rests(self)

    def trapped(self, action: Asked) -> bool:
        """Whether the process stops here."""
        if self.trap_on is not None and not isinstance(action, self.trap_on):
            return False
        self.trap_in -= 1
        if self.trap_in > 0:
            return False
        trap, self.trap = self.trap, None
        done = "killed" if trap is Trap.KILL else "frozen"
        self.note(f"{done} before {brief(action)}")
        if trap is Trap.FREEZE:
            self.freeze(self.trap_us)
        elif trap is Trap.FREEZE_ALL:
            self.freeze_all(self.trap_us)
        else:
            self.kill()
            self.cluster.timeline.after(self.trap_us, self.start)
        return True

    def expired(self, before: int) -> bool:
        """Rule 2 of actions.py: the clock is checked before every action."""
        return bool(before) and self.clock.read(self.cluster.timeline.now) >= before


def brief(action: Asked) -> str:
    """An action as people name it."""
    return action.step.value if isinstance(action, Do) else type(action).__name__
