"""What is searched for in a log and what is filtered, and the searches that are under way for it.

Owns their processes and what to say of them. Reads nothing and paints nothing: a Desk does what it asks for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from coroctl_widgets.logfile.matching import Matcher, Pattern
from coroctl_widgets.logfile.search import Search
from coroctl_widgets.logfile.selection import MOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from coroctl_widgets.logfile.search import Found
    from coroctl_widgets.logfile.session import Session

Answer = TypeVar("Answer")
FAILED: Final = "the search ended before its time"


class Desk(Protocol):
    """Does things with the session, in the order in which they are asked for, elsewhere."""

    def do(self, act: Callable[[Session], object]) -> None:
        """Do it, then show the frame."""

    def note(self, act: Callable[[Session], object]) -> None:
        """Do it, and show nothing yet."""

    async def ask(self, question: Callable[[Session], Answer]) -> Answer:
        """The session's answer."""

    def say(self) -> None:
        """What there is to say has changed."""

    def mark(self, *matchers: Matcher) -> None:
        """What to mark in the lines."""


class Hunt:
    """One search and one filter at most."""

    def __init__(self, desk: Desk) -> None:
        self.doing = ""
        """What is under way; empty if nothing is."""
        self.complaint = ""
        """Why there is nothing to show."""
        self._desk = desk
        self._turn = asyncio.Lock()
        self._wanted: Matcher | None = None
        self._selected: Matcher | None = None
        self._search: Search | None = None
        self._filter: Search | None = None
        self._up = True

    @property
    def filters(self) -> bool:
        """Whether not all lines are shown."""
        return self._selected is not None

    @property
    def grows(self) -> bool:
        """Whether a filter is told of, and finds, lines on its own."""
        return self._filter is not None

    @property
    def searches(self) -> bool:
        """Whether something was searched for."""
        return self._wanted is not None

    def about(self, hits: int, context: int) -> Iterable[str]:
        """What is filtered and searched for, in words."""
        if self._selected is not None:
            pattern = self._selected.pattern
            most = "newest " if hits >= MOST else ""
            around = f", {context} around each" if context else ""
            yield f"& {'!' if pattern.inverse else ''}{pattern.text} ({most}{hits} lines{around})"
        if self._wanted is not None:
            yield f"/ {self._wanted.pattern.text} {'↑' if self._up else '↓'}"

    async def search(self, text: str, up: bool) -> None:
        """For a regular expression; an empty one ends it. PatternError."""
        self._wanted = Matcher(Pattern(text)) if text else None
        self._up = up
        self._mark()
        if text:
            await self.again(same=True)

    async def again(self, same: bool) -> None:
        """The next match in the search's direction, or in the other one."""
        wanted, up = self._wanted, self._up if same else not self._up
        if wanted is None:
            return
        async with self._turn:
            await self._end_search()
            self.complaint = ""
            lent = await self._desk.ask(_lend)
            if lent is None:
                return
            low, high = await self._desk.ask(lambda session: session.from_here(not up))
            matchers = [wanted] if self._selected is None else [wanted, self._selected]
            self._search = Search([matcher.pattern for matcher in matchers], self._take_found)
            self.doing = "searching"
            self._search.ask(low, high, 1, up)
            await self._search.start(lent[0])

    async def select(self, text: str) -> None:
        """Filter by a regular expression, or by its absence if it begins with ``!``; empty: all lines. PatternError."""
        pattern = Pattern(text.removeprefix("!"), text.startswith("!"))
        self._selected = Matcher(pattern) if pattern.text else None
        self._mark()
        await self.select_anew()

    async def select_anew(self) -> None:
        """From the beginning: the file is another one, or was written anew."""
        async with self._turn:
            await self._end_filter()
            self.doing = self.complaint = ""
            if self._selected is None:
                self._desk.do(lambda session: session.unselect())
                return
            lent = await self._desk.ask(_select)
            if lent is None:
                return
            fd, size = lent
            self._filter = Search([self._selected.pattern], self._take_selected)
            self.doing = "filtering"
            self._filter.ask(0, size, MOST, up=True)
            await self._filter.start(fd)

    def grown(self, low: int, high: int) -> None:
        """The file has more, which the filter is to look at."""
        if self._filter is not None:
            self._filter.ask(low, high, MOST, up=False)

    async def cancel(self) -> None:
        """End what is under way; what a filter has found stays."""
        self.doing = ""
        async with self._turn:
            await self._end_search()
            await self._end_filter()

    async def forget(self) -> None:
        """End everything: there is another log."""
        await self.cancel()
        self._wanted = self._selected = None
        self._mark()

    def _take_found(self, found: Found) -> None:
        self.doing = "" if found.ended else f"searching {_done(found)} % (Esc: cancel)"
        if found.starts:
            start = found.starts[0]
            self._desk.do(lambda session: session.show(start, found=True))
        elif found.failed:
            self.complaint = FAILED
        elif found.ended:
            self.complaint = f"no match {'above' if found.order.up else 'below'}"
        self._desk.say()

    def _take_selected(self, found: Found) -> None:
        """Offsets go to the session; they are painted with its next poll, or at once when all are known."""
        if found.order.up:
            self.doing = "" if found.ended else f"filtering {_done(found)} % (Esc: cancel)"
            take: Callable[[Session], object] = lambda session: session.take_older(found.starts)  # noqa: E731
        else:
            take = lambda session: session.take_newer(found.starts)  # noqa: E731
        if found.failed:
            self.complaint = FAILED
        (self._desk.do if found.ended else self._desk.note)(take)

    async def _end_search(self) -> None:
        search, self._search = self._search, None
        if search is not None:
            await search.cancel()

    async def _end_filter(self) -> None:
        search, self._filter = self._filter, None
        if search is not None:
            await search.cancel()

    def _mark(self) -> None:
        self._desk.mark(*(matcher for matcher in (self._wanted, self._selected) if matcher is not None))


def _lend(session: Session) -> tuple[int, int] | None:
    return session.lend()


def _select(session: Session) -> tuple[int, int] | None:
    session.select()
    return session.lend()


def _done(found: Found) -> int:
    """Percent of an order."""
    low, high, reached = found.order.low, found.order.high, found.reached
    return 100 * (high - reached if found.order.up else reached - low) // max(1, high - low)
