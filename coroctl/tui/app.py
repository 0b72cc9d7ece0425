"""The console's wiring: a feed and a log in, screens out. Decides nothing and shows nothing itself."""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.screen import ModalScreen

from coroctl.sources.fleet import fleet
from coroctl.sources.logs import known_logs
from coroctl.tui.base import PLAIN, TerminalApp
from coroctl.tui.bell import Bell
from coroctl.tui.messages import Logged, Opened, Updated, Wanted
from coroctl.tui.palette import Commands
from coroctl.tui.screens.action import ActionScreen
from coroctl.tui.screens.log import LogScreen
from coroctl.tui.screens.menu import MenuScreen
from coroctl.tui.screens.overview import Overview, local_time
from coroctl.tui.view import Current, Shows, screen_of, screen_of_machines, screen_of_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from coroctl.actions import Action
    from coroctl.model import Availability
    from coroctl.sources.feed import Feed, Update
    from coroctl.sources.fleet import Fleet
    from coroctl.sources.logs import LogFollower
    from coroctl.tui.profile import Profile
    from coroctl.tui.screens.action import Operator

TICK_S = 1.0
"""How often the age of the data and a silent source are looked at."""
WAITING = 100
"""Updates that wait while nothing can be shown."""
LOG_S = 0.25
"""How often the log is read, on a thread of its own."""


class Console(TerminalApp):
    """``coroctl`` on a terminal."""

    COMMANDS = {Commands}  # noqa: RUF012 - as App has it

    def __init__(
        self,
        feed: Feed,
        log: LogFollower,
        notices: Iterable[str] = (),
        wall_clock: Callable[[], str] = local_time,
        operator: Operator | None = None,
        profile: Profile = PLAIN,
        fleet: Callable[[], Fleet] = fleet,
    ) -> None:
        """Without an `operator` nothing can be changed, and nothing that would is offered.

        `fleet`: asked for the virtual machines, on a thread.
        """
        super().__init__(profile)
        self._bell = Bell()
        self._operator = operator
        self._fleet = fleet
        self._feed = feed
        self._follower = log
        self._overview = Overview(
            log.path, notices, wall_clock, actions=operator is not None, warnings=profile.problems
        )
        self._waiting: deque[Update] = deque(maxlen=WAITING)
        self._log_shown = threading.Event()
        self._log_shown.set()
        self._ended = threading.Event()
        self._shown: Availability | None = None
        self._current = Current()

    def on_mount(self) -> None:
        self.push_screen(self._overview)
        self.set_interval(TICK_S, self._tick)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Sources start after the first frame, so that nothing that they wait for can hold it up."""
        self._feed.start(self._publish)
        threading.Thread(target=self._read_log, name="reads the log", daemon=True).start()

    def on_unmount(self) -> None:
        self._ended.set()
        self._feed.stop()

    def _publish(self, update: Update) -> None:
        """On the feed's thread. While the terminal reads nothing the loop stands still: only the newest wait for it."""
        self._waiting.append(update)
        if len(self._waiting) == 1:
            self.post_message(Updated())

    @on(Updated)
    def show_updates(self) -> None:
        while self._waiting:
            update = self._waiting.popleft()
            self._show(update, time.monotonic() - update.at)

    def _show(self, update: Update, age: float) -> None:
        view = self._current.take(update, age)
        if self._bell.due(view.alarms, time.monotonic()) and self._profile.bell:
            self.bell()
        self._overview.show_update(update, view, covered=self._covered())
        for screen in self._others():
            screen.show(view)
        self._shown = update.snapshot.availability

    def _covered(self) -> bool:
        """Whether nobody sees the overview."""
        stack = self.screen_stack
        return bool(stack) and stack[-1] is not self._overview and not isinstance(stack[-1], ModalScreen)

    def _others(self) -> Iterable[Shows]:
        return (screen for screen in self.screen_stack if isinstance(screen, Shows))

    @on(Logged)
    def show_log(self, message: Logged) -> None:
        self._log_shown.set()
        self._overview.show_log(message.news, covered=self._covered())

    def action_open(self, place: str) -> None:
        """A screen above this one, by its name."""
        self.push_screen(screen_of(place, self._current.view))

    def action_open_machines(self) -> None:
        self.push_screen(screen_of_machines(self._current.view, self._fleet, actions=self._operator is not None))

    @on(Opened)
    def open_node(self, message: Opened) -> None:
        if not self.screen.is_modal:  # else it was typed ahead, before the dialog was there
            self.push_screen(screen_of_node(message.node, self._current.view, actions=self._operator is not None))

    @on(Wanted)
    def open_action(self, message: Wanted) -> None:
        """The menu first, if no action was chosen yet."""
        if self._operator is None or self.screen.is_modal:
            return
        if message.action is not None:
            self.push_screen(ActionScreen(self._operator, message, message.action))
        else:
            self.push_screen(MenuScreen(message.label), partial(self._chosen, message))

    def _chosen(self, wanted: Wanted, action: Action | None) -> None:
        if self._operator is not None and action is not None:
            self.push_screen(ActionScreen(self._operator, wanted, action))

    def _tick(self) -> None:
        latest = self._feed.latest()
        if latest is None:
            return
        age = time.monotonic() - latest.at
        if latest.snapshot.availability is not self._shown:
            self._show(latest, age)
            return
        if not self._covered():
            self._overview.show_age(latest.snapshot, age)
        for screen in self._others():
            screen.show_age(latest.snapshot, age)

    def _read_log(self) -> None:
        reason = None
        while not self._ended.is_set():
            if self._log_shown.is_set():  # else the file keeps what comes
                news = self._follower.read()
                if news.lines or news.reason != reason:
                    self._log_shown.clear()
                    self.post_message(Logged(news))
                    reason = news.reason
            self._ended.wait(LOG_S)
        self._follower.close()

    def action_open_log(self) -> None:
        """The log whose end the overview shows, and the others, as a whole."""
        self.push_screen(LogScreen(self._follower.path, known_logs(), self._current.view))
