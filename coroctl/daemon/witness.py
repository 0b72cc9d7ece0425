"""Tells people what happens: the journal, the chronicle, hooks, whoever waits for an answer, and whoever watches.

It is told after the fact, changes nothing, and never makes the loop wait.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from coroctl.daemon.clock import now_us
from coroctl.daemon.hooks import Hook, Hooks
from coroctl.daemon.rendering import Entry, Level, alarm_name, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.daemon.chronicle import Chronicle
    from coroctl.daemon.journal import Journal
    from coroctl.daemon.rendering import Value
    from coroctl.decision.actions import Log, Step, Warn
    from coroctl.decision.messages import Answer
    from coroctl.decision.settings import Settings
    from coroctl.decision.state import State
    from coroctl.model import Role


class Reporter:
    """The shell's witness."""

    def __init__(
        self,
        journal: Journal,
        chronicle: Chronicle,
        configured: Callable[[Settings], None],
        stepped: Callable[[State], None],
    ) -> None:
        self._journal = journal
        self._chronicle = chronicle
        self._configured = configured
        self._stepped = stepped
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._term = 0
        self._role: Role | None = None
        self.hooks = Hooks(self.note, journal.node)
        self._file_trouble = ""

    def answer_to(self, request: str) -> asyncio.Future[Answer]:
        """Becomes the answer; the same future for whoever repeats the request."""
        known = self._waiting.get(request)
        if known is None:
            known = self._waiting[request] = asyncio.get_running_loop().create_future()
            known.add_done_callback(lambda _: self._waiting.pop(request, None))
        return known

    def logged(self, action: Log) -> None:
        """A line of the core."""
        self._chronicle.logged(action, time.time())
        self._journal.enter(describe(action))

    def warned(self, action: Warn) -> None:
        """An alarm of the core."""
        self._chronicle.warned(action, time.time())
        self._journal.enter(describe(action, self._term))
        self.hooks.fire(Hook.ALARM, alarm=alarm_name(action.alarm), text=action.alarm.value, detail=action.detail)

    def failed(self, step: Step, why: str) -> None:
        """Why a step has failed, which the core does not repeat."""
        self.note(Level.WARNING, "step-error", step=step.value, why=why)

    def file_failed(self, why: str) -> None:
        """Told once: what is wanted is tried again twice a second."""
        if why != self._file_trouble:
            self.note(Level.WARNING, "file-failed", why=why)
        self._file_trouble = why

    def note(self, level: Level, name: str, **details: Value) -> None:
        """Something that the shell itself has to tell."""
        self._journal.enter(Entry(level, name, self._term, details))

    def answered(self, answer: Answer) -> None:
        """To the operator who asked here."""
        future = self._waiting.get(answer.id)
        if future is not None and not future.done():
            future.set_result(answer)

    def configured(self, settings: Settings) -> None:
        """corosync has loaded a file."""
        self._file_trouble = ""
        self._configured(settings)

    def stepped(self, state: State) -> None:
        """After every step."""
        self._term = state.ballots.term
        self._chronicle.stepped(state, now_us(), time.time())
        if state.world.role is not self._role:
            former, self._role = self._role, state.world.role
            self.hooks.role_is(self._role, former, term=self._term, nodeid=state.life.node)
        self._stepped(state)
