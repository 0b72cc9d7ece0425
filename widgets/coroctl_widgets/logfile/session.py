"""One reader of one log: where they stand, what is in their window, and what has become of the file.

Blocks while it reads, so it belongs to one thread that nothing waits for. Knows no screen; what it shows is a Frame.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from coroctl_widgets.logfile import lines, times
from coroctl_widgets.logfile.file import Fate, LogFile
from coroctl_widgets.logfile.levels import BAD_WORDS, WARN_WORDS, weigh
from coroctl_widgets.logfile.selection import Selection
from coroctl_widgets.text import neutral

if TYPE_CHECKING:
    from collections.abc import Iterable
    from re import Pattern as Words

    from coroctl_widgets.logfile.levels import Weight
    from coroctl_widgets.logfile.lines import Line

MOST_TEXT: Final = 4096
"""Bytes of a line that can be looked at."""


class Row(NamedTuple):
    """A line as it is shown."""

    start: int
    text: str
    """Neutral."""
    weight: Weight
    context: bool
    """Only there for the lines around it."""
    found: bool
    """Where the last search ended."""


class Frame(NamedTuple):
    """All that there is to paint."""

    rows: tuple[Row, ...]
    size: int
    """Bytes in the file."""
    end: int
    """Where the last row ends."""
    follows: bool
    reason: str
    """Why nothing (more) can be read."""
    notice: str
    """What has become of the file; until the next key."""
    hits: int | None
    """Lines that the filter has found; None without a filter."""
    newest_s: float
    """The last write, seconds since 1970."""
    generation: int
    """Rises when offsets mean nothing any more: another file, or this one written anew."""


class Session:
    """What is done with a log; every method leads to another `frame`. Not for more than one thread at a time."""

    def __init__(self, path: str, bad: Words[str] = BAD_WORDS, warn: Words[str] = WARN_WORDS) -> None:
        self.path = path
        self.height = 24
        self._bad, self._warn = bad, warn
        self._file: LogFile | None = None
        self._reason = self._notice = ""
        self._selection: Selection | None = None
        self._selected_to = 0
        self._found = -1
        self._top = 0
        self._follows = True
        self._context = 0
        self._generation = 0

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def frame(self) -> Frame:
        """The window as it is now."""
        file = self._opened()
        if file is None:
            return Frame((), 0, 0, self._follows, self._reason, self._notice, None, 0.0, self._generation)
        found = self._window(file)
        hits = None if self._selection is None else len(self._selection.hits)
        return Frame(
            tuple(self._row(line) for line in found),
            file.size,
            found[-1].end if found else file.size,
            self._follows,
            self._reason,
            self._notice,
            hits,
            file.changed_s,
            self._generation,
        )

    def poll(self) -> bool:
        """Look what has become of the file; whether there is something new to show."""
        if self._file is None:
            return self._opened() is not None
        match self._file.look():
            case Fate.SAME:
                changed = bool(self._reason)
                self._reason = ""
                return changed
            case Fate.GROWN:
                return True
            case Fate.TRUNCATED:
                self._forget("the file was truncated")
                return True
            case Fate.ROTATED if self._follows:
                self._reopen("rotated: this is the new file")
                return True
            case Fate.ROTATED:
                return self._say("rotated: this is the old file (F: the new one)")
            case Fate.GONE:
                return self._say("the file has no name any more")

    def lend(self) -> tuple[int, int] | None:
        """A descriptor of the file, to be closed by whoever asks, and its size; None if it cannot be read."""
        file = self._opened()
        return None if file is None else (os.dup(file.fileno()), file.size)

    def move(self, by: int) -> None:
        """So many lines down, or up."""
        file = self._begin()
        if file is None:
            return
        if by < 0:
            above = self._before(self._top, -by)
            self._top = above[0].start if above else self._top
            self._follows = self._follows and not above
            return
        below = self._after(self._top, by + self.height)
        if self._follows or len(below) <= self.height:
            self._follows = True
            return
        self._top = below[len(below) - self.height].start
        self._follows = not self._after(below[-1].end, 1)

    def first(self) -> None:
        """To the oldest line."""
        if self._begin() is not None:
            self._top, self._follows = 0, False

    def follow(self, on: bool = True) -> None:
        """To the newest line, and on with it; of a file that was rotated away to the one that has its name."""
        file = self._begin()
        self._follows = on
        if on and file is not None and file.look() is Fate.ROTATED:
            self._reopen("rotated: this is the new file")

    def show(self, start: int, found: bool = False) -> None:
        """Bring a line into the window; `found`: it is what was searched for."""
        if self._begin() is None:
            return
        if found:
            self._found = start
        above = self._before(start, self.height // 3)
        self._top, self._follows = (above[0].start if above else start), False

    def go_to_time(self, text: str) -> None:
        """To a time as people type it. The frame's notice says if that is none, or no line has one."""
        file = self._begin()
        if file is None:
            return
        moment = times.typed(text, time.time(), file.changed_s)
        if moment is None:
            self._notice = f"not a time: {text} (for example {times.FORMS})"
            return
        start = times.place_of(file, moment, file.changed_s)
        if start >= file.size:
            self._notice = "no line is that late"
            self._follows = True
            return
        self.show(lines.start_of(file, start))

    def from_here(self, down: bool) -> tuple[int, int]:
        """What is to be searched (from, to) for the next match below or above the last one, or from the window on."""
        file = self._opened()
        if file is None:
            return 0, 0
        rows = self._window(file)
        shown = any(line.start == self._found for line in rows)
        if down:
            begin = next((line.end for line in rows if line.start == self._found), self._top)
            return begin, file.size
        return 0, self._found if shown else rows[-1].end if rows else file.size

    def select(self) -> None:
        """From now on only lines whose offsets are handed in."""
        file = self._begin()
        if file is None:
            return
        self._selection = Selection(file, self._context)
        self._selected_to = lines.start_of(file, file.size)
        self._follows = True

    def unselect(self) -> None:
        """All lines again, around the one that was at the top."""
        self._begin()
        self._selection = None

    def take_older(self, falling: Iterable[int]) -> None:
        """Matches before those that are known."""
        if self._selection is not None:
            self._selection.hits.add_older(falling)

    def take_newer(self, rising: Iterable[int]) -> None:
        """Matches after those that are known."""
        if self._selection is not None:
            self._selection.hits.add_newer(rising)

    def unselected(self) -> tuple[int, int] | None:
        """What has come (from, to) since the filter last looked; None if there is nothing."""
        file = self._file
        if self._selection is None or file is None or file.size <= self._selected_to:
            return None
        begin, self._selected_to = self._selected_to, lines.start_of(file, file.size)
        return begin, file.size

    def set_context(self, count: int) -> None:
        """Lines around each match."""
        self._begin()
        self._context = count
        if self._selection is not None:
            self._selection.context = count

    def _begin(self) -> LogFile | None:
        """A key was pressed: what was said of the file has been read."""
        self._notice = ""
        return self._opened()

    def _opened(self) -> LogFile | None:
        if self._file is None:
            try:
                self._file = LogFile(self.path)
            except OSError as error:
                self._reason = error.strerror or str(error)
                return None
            self._reason = ""
        return self._file

    def _reopen(self, notice: str) -> None:
        self.close()
        self._forget(notice)

    def _forget(self, notice: str) -> None:
        """Nothing is where it was."""
        self._notice, self._top, self._follows, self._found = notice, 0, True, -1
        self._generation += 1
        file = self._opened()
        if self._selection is not None and file is not None:
            self.select()  # whoever filters sees the generation, and begins again
            self._notice = notice

    def _say(self, reason: str) -> bool:
        changed, self._reason = self._reason != reason, reason
        return changed

    def _window(self, file: LogFile) -> list[Line]:
        """The lines in the window; moves it where it would stand beyond the end."""
        found = [] if self._follows else self._after(self._top, self.height)
        if len(found) < self.height:
            found = self._before(file.size, self.height)
        if found:
            self._top = found[0].start
        return found

    def _after(self, start: int, count: int) -> list[Line]:
        if self._selection is not None:
            return self._selection.after(start, count)
        assert self._file is not None
        return lines.after(self._file, start, count)

    def _before(self, start: int, count: int) -> list[Line]:
        if self._selection is not None:
            return self._selection.before(start, count)
        assert self._file is not None
        return lines.before(self._file, start, count)

    def _row(self, line: Line) -> Row:
        text = neutral(line.data[:MOST_TEXT].decode("utf-8", "replace"))
        context = self._selection is not None and bool(self._context) and not self._selection.is_hit(line.start)
        return Row(line.start, text, weigh(text, self._bad, self._warn), context, line.start == self._found)
