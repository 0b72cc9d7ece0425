"""What a node does as a master: the core's steps, each by the tool that owns it, and the ties between the tools.

The address's lifetime follows the dead-man's commits; announcements and the watch for strangers go on while the
address is here; the guard knows what it would have to remove, and without it no manager is started.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.daemon import locks, ports
from coroctl.daemon.clock import now_us
from coroctl.daemon.manager import ManagerError
from coroctl.daemon.net_thread import NFTABLES, KernelThread
from coroctl.daemon.notify import GuardLink, GuardMissing
from coroctl.daemon.rendering import Level
from coroctl.daemon.runfile import GuardFacts, RunFileError, write_run
from coroctl.decision.actions import Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coroctl.daemon.gate import Gate
    from coroctl.daemon.kit import Kit, Note, Post
    from coroctl.daemon.locks import Stranger
    from coroctl.daemon.manager import Manager
    from coroctl.decision.values import Run
    from coroctl.errors import CoroctlError

ABOUT_MACHINES = frozenset({Step.BRING_INVENTORY, Step.QUEUE_RECOVERY, Step.PAUSE_MACHINES, Step.RESUME_MACHINES})
NUDGE_US = 1_000_000
ABOUT_ADDRESS = frozenset({Step.ADD_ADDRESS, Step.REMOVE_ADDRESS, Step.DISARM, Step.RESTORE_GATE})
LOCKS = KernelThread("lock files")
"""Not the loop's few threads: other nodes' questions about files that a hung disk does not give would take them all."""
LOCK_WORK = {
    Step.LOCK: locks.create_lock,
    Step.UNLOCK: locks.remove_locks,
    Step.QUEUE_RECOVERY: locks.mark_relocated,
}


class Master:
    """The steps of the core on this node. `kit` may be exchanged while nothing of the old one is in use."""

    def __init__(
        self,
        kit: Kit,
        run_file: Path,
        guard: GuardLink,
        note: Note,
        machines: Callable[[Step], Awaitable[None]],
    ) -> None:
        self.kit = kit
        self._machines = machines
        """Carries out a step about machines."""
        self.guarded = False
        """The guard has taken notice of the lease that it is to guard."""
        self._run_file = run_file
        self._guard = guard
        self._note = note
        self._nudge_at = 0
        self._missed = False

    async def serving(self) -> bool:
        """Whether a former life's address and manager are in place."""
        post, manager = self.kit.post, self.kit.manager
        if post is not None and not await post.address.present():
            return False
        if manager is not None and not await manager.running():
            return False
        return post is not None or manager is not None

    # The dead-man. What is asked of the kernel is done in the order in which it was asked (net_thread.py).

    def renew(
        self,
        number: int,
        until: int,
        told: Callable[[bool], None],
        failed: Callable[[BaseException], None],
        *,
        hurry: bool,
    ) -> None:
        """L6, and the address's own lifetime after it. Without `hurry` success is told by the next `catch_up`."""
        post = self.kit.post
        if post is None:
            told(True)
            return
        # The kernel's second belt follows the first.
        follow = partial(post.address.refresh, until, self._not_refreshed, asyncio.get_running_loop())
        if post.gate is None:
            follow()
            told(True)
        else:
            NFTABLES.begin(partial(_renew, post.gate, number, until, follow), failed, told, hurry=hurry)

    def catch_up(self) -> None:
        """Tell what was not worth waking the loop for."""
        NFTABLES.catch_up()

    def _not_refreshed(self, error: CoroctlError) -> None:
        self._note(Level.WARNING, "address-lifetime", why=str(error))

    def write_run(self, run: Run) -> None:
        """/run, then the guard: it need only be told of a lease when it knows of none."""
        outfit = self.kit.outfit
        lock = f"{outfit.lock_dir}/{locks.SERVICE_LOCK}"
        facts = GuardFacts(outfit.service, outfit.address, outfit.prefix, outfit.device, lock)
        try:
            write_run(self._run_file, run, facts)
        except RunFileError as error:
            self.guarded = False
            self._note(Level.ALERT, "run-file", why=str(error))
            return
        if not run.guard_until:
            self.guarded = False
        elif not self.guarded or now_us() >= self._nudge_at:
            self._call_guard()

    def _call_guard(self) -> None:
        """While a lease is guarded, now and then: a guard that has died is to be missed before it is needed."""
        was, self._nudge_at = self.guarded, now_us() + NUDGE_US
        try:
            self._guard.nudge()
        except GuardMissing as error:
            self.guarded = False
            if was or not self._missed:
                self._note(Level.ALERT, "guard-missing", why=str(error))
            self._missed = True
        else:
            self.guarded, self._missed = True, False

    # Steps

    async def carry_out(self, step: Step, before: int) -> None:
        """A step to its end; CoroctlError or OSError says why it failed.

        A step about an address or a manager that the configuration does not have (any more) has nothing to do.
        """
        post, manager, work = self.kit.post, self.kit.manager, LOCK_WORK.get(step)
        if step in ABOUT_MACHINES and not await self._is_at_home(step):
            await self._machines(step)
        if work is not None:
            self._note_strangers(await LOCKS(work, Path(self.kit.outfit.lock_dir)))
        elif post is not None and step in ABOUT_ADDRESS:
            await self._to_address(post, step, before)
        elif manager is not None and step not in ABOUT_ADDRESS | ABOUT_MACHINES:
            await self._to_manager(manager, step, before)

    async def _is_at_home(self, step: Step) -> bool:
        """The manager has not moved: it may start, whatever has become of the inventory meanwhile."""
        folder = Path(self.kit.outfit.lock_dir)
        return step is Step.BRING_INVENTORY and await LOCKS(locks.relocated, folder)

    async def _to_address(self, post: Post, step: Step, before: int) -> None:
        match step:
            case Step.ADD_ADDRESS:
                await self.add_address(post, before)
            case Step.REMOVE_ADDRESS:
                await _remove_address(post)
            case Step.DISARM:
                await _silence(post)
            case _:
                await _restore(post)

    async def _to_manager(self, manager: Manager, step: Step, before: int) -> None:
        outfit = self.kit.outfit
        match step:
            case Step.START_MANAGER:
                await self._start_manager(manager, before)
            case Step.STOP_MANAGER:
                await manager.stop(outfit.service_stop_s)
            case Step.KILL_MANAGER:
                await manager.kill(outfit.service_kill_ms)
            case Step.CHECK_PORTS:
                await ports.check(outfit.address, outfit.ports, outfit.service_start_s)
            case _:
                raise ManagerError(f"no step about a manager: {step.value}")

    async def _start_manager(self, manager: Manager, before: int) -> None:
        if not self.guarded:
            self._guard.nudge()
            self.guarded = True
        await manager.start(before, self.kit.outfit.service_start_s)

    async def add_address(self, post: Post, before: int) -> None:
        """Until the lease's end; each commit prolongs it. A renewed tenure's address is here, and stays."""
        remaining = before - now_us()
        if remaining <= 0:
            return
        for stray in await post.address.add(remaining):
            self._note(Level.WARNING, "address-elsewhere", found=stray, text="it was removed from there")
        post.announcer.start()
        post.conflict.start()

    def _note_strangers(self, found: tuple[Stranger, ...]) -> None:
        for stranger in found:
            self._note(Level.ALERT, "lock-file", found=str(stranger), text="a stranger's; it was removed")


def _renew(gate: Gate, number: int, until: int, follow: Callable[[], None]) -> bool:
    done = gate.renew(number, until)
    if done:
        follow()
    return done


async def _remove_address(post: Post) -> None:
    post.announcer.stop()
    post.conflict.stop()
    await post.address.remove()


async def _silence(post: Post) -> None:
    """The gate is closed, and the kernel has said so; where it did not, or there is none, the address is gone."""
    if post.gate is None or not await NFTABLES(post.gate.disarm):
        await _remove_address(post)


async def _restore(post: Post) -> None:
    if post.gate is not None:
        await NFTABLES(post.gate.install)
