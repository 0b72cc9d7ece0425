"""Live migration between simulated hypervisors, as libvirt's peer-to-peer protocol goes, with the ends it can have.

Prepare (the target has a paused process that waits), perform (the memory is copied while the source runs, then the
source is paused), finish (the target's copy is complete), confirm (the source ends). It is libvirtd's doing: no daemon
is needed for it. As in libvirt, a reply of `finish` that is lost makes the source go on, whatever the target does; and
a source's libvirtd that was restarted before `confirm` leaves the machine paused.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from coroctl.decision.estate.events import Done, Failed
from coroctl.decision.estate.values import Domain, Seen
from coroctl.sim.clock import MS, SECOND

if TYPE_CHECKING:
    from coroctl.decision.estate.actions import Command
    from coroctl.sim.hypervisor import Guests

COPY_US = 400 * MS
STEP_US = 50 * MS
SWITCH_US = 20 * MS
CONFIRM_US = 10 * MS
SILENT_US = 3 * SECOND
"""A connection that is silent for so long is given up. (libvirt's 30 s would be half a schedule.)"""


class Ill(Enum):
    """What a source's next migrations suffer from."""

    FAILS = "fails"
    REPLY_LOST = "reply-lost"
    STUCK = "stuck"


class Migration:
    """Of one machine. Begun by `Guests`, which is the source."""

    def __init__(self, source: Guests, action: Command, life: int) -> None:
        self.source = source
        self.action = action
        self.life = life
        """Of the daemon that asked."""
        self.name = action.machine.name
        self.boots = source.machine.boots
        self.timeline = source.machine.cluster.timeline
        target = source.machine.cluster.machines.get(action.machine.to)
        self.target = target.estate.guests if target is not None else None
        self.target_boots = target.boots if target is not None else 0
        self.left_us = COPY_US
        self.silent_us = 0
        self.aborted = self.ran = False
        """ran: when it began. That is what libvirt restores if it fails."""

    # What is there

    @property
    def source_gone(self) -> bool:
        machine = self.source.machine
        return machine.boots != self.boots or not machine.powered

    @property
    def target_gone(self) -> bool:
        if self.target is None:
            return True
        machine = self.target.machine
        return machine.boots != self.target_boots or not machine.powered

    def connected(self) -> bool:
        """Both hypervisors hear each other."""
        if self.target is None or self.target_gone or self.target.machine.all_frozen:
            return False
        return self.source.machine.cluster.corosync.linked(self.source.machine.node, self.target.machine.node)

    # How it goes

    def begin(self) -> None:
        """Prepare."""
        here = self.source.all.get(self.name)
        if here is None or here.domain.seen is Seen.OFF:
            self.end("it is not running")
        elif self.target is None or not self.connected():
            self.end("no route to host")
        elif self.target.is_live(self.name):
            self.end("it is active there already")
        elif Ill.FAILS in self.source.ills:
            self.end("the disks are not shared")
        else:
            self.ran = here.domain.seen is Seen.RUNNING
            self.left_us += self.source.slow.get(self.action.order, 0)
            domain = Domain(self.name, here.domain.uuid, Seen.PAUSED, arriving=True)
            self.target.arriving[self.name] = self
            self.target.put(here._replace(domain=domain, copied_at=0))
            self.timeline.after(STEP_US, self.copy)

    def copy(self) -> None:
        """Perform, for as long as it takes."""
        if self.source_gone:
            self.drop_copy()
            return
        if self.source.machine.all_frozen:
            self.timeline.after(STEP_US, self.copy)
            return
        if self.aborted or not self.source.is_live(self.name) or self.target_gone or self.is_silent():
            self.drop_copy()
            self.restore()
            self.end("aborted" if self.aborted else "the connection or the machine has ended")
            return
        self.left_us -= 0 if self.silent_us else STEP_US
        if self.left_us > 0:
            self.timeline.after(STEP_US, self.copy)
        else:
            self.switch()

    def is_silent(self) -> bool:
        """For too long."""
        self.silent_us = 0 if self.connected() else self.silent_us + STEP_US
        return self.silent_us > SILENT_US

    def switch(self) -> None:
        """The last bytes: nothing runs here from now on."""
        here = self.source.all[self.name]
        self.source.put(here._replace(domain=here.domain._replace(seen=Seen.PAUSED, arriving=True)))
        copied_at = self.timeline.now
        self.timeline.after(SWITCH_US, self.finish, copied_at)

    def finish(self, copied_at: int) -> None:
        """The copy is complete, if the target hears of it."""
        if self.source_gone:
            self.drop_copy()
        elif self.target is None or self.target_gone or self.is_silent():
            self.drop_copy()
            self.go_back()
        elif self.source.machine.all_frozen or not self.connected():
            self.timeline.after(STEP_US, self.finish, copied_at)
        else:
            self.complete(self.target, copied_at)

    def complete(self, target: Guests, copied_at: int) -> None:
        """It waits there, by the flag that says so."""
        there, machine = target.all[self.name], self.source.machine
        seen = Seen.PAUSED if machine.cluster.arrives_paused else Seen.RUNNING
        target.arriving.pop(self.name, None)
        target.put(there._replace(domain=there.domain._replace(seen=seen, arriving=False), copied_at=copied_at))
        machine.note(f"machine {self.name} is complete on {target.machine.node}")
        if Ill.REPLY_LOST in self.source.ills:
            self.go_back()
        elif Ill.STUCK in self.source.ills:
            self.end("libvirtd was restarted")
        else:
            self.timeline.after(CONFIRM_US, self.confirm)

    def confirm(self) -> None:
        """The source ends."""
        if self.source_gone:
            return
        if self.source.machine.all_frozen:
            self.timeline.after(STEP_US, self.confirm)
            return
        here = self.source.all[self.name]
        domain = here.domain._replace(seen=Seen.OFF, arriving=False, left=True)
        self.source.put(here._replace(domain=domain))
        self.end("")

    # How it ends

    def go_back(self) -> None:
        """As far as the source knows, the target has nothing."""
        self.restore()
        self.end("the connection was lost")

    def restore(self) -> None:
        """What ran when it began goes on, also if somebody has paused it since."""
        if not self.source.is_live(self.name):
            return
        here = self.source.all[self.name]
        domain = here.domain._replace(seen=Seen.RUNNING if self.ran else Seen.PAUSED, arriving=False)
        if domain != here.domain:
            self.source.busy[self.name] = self.timeline.now
            self.source.put(here._replace(domain=domain))

    def drop_copy(self) -> None:
        """libvirt's target ends what it has not got whole: when it notices."""
        if self.target is not None:
            self.timeline.after(STEP_US if self.connected() else SILENT_US, self.target.drop_copy, self)

    def end(self, why: str) -> None:
        """Tell whoever asked, if it still lives."""
        event = Failed(self.action.number, why) if why else Done(self.action.number)
        self.source.migrated(self, event)
