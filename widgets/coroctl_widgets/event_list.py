"""What happened, newest last: time, level as a word, text. Bounded; the oldest go first."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from coroctl_widgets.follower import Follower
from coroctl_widgets.lines import Piece, Tone
from coroctl_widgets.text import cells, fit, neutral

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl_widgets.lines import Line

TIME_WIDTH: Final = len("12:34:56")


class Level(Enum):
    """How much an event matters; the value is the word that is shown."""

    INFO = "info"
    OK = "ok"
    WARN = "WARN"
    ERROR = "ERROR"


LEVEL_WIDTH: Final = max(len(level.value) for level in Level)
TONES: Final = {Level.INFO: Tone.DIM, Level.OK: Tone.GOOD, Level.WARN: Tone.WARN, Level.ERROR: Tone.BAD}


class Event(NamedTuple):
    """Something that happened; time as the owner wants it read, text untrusted."""

    time: str
    level: Level
    text: str


class EventList(Follower):
    """Events, following the newest until scrolled up."""

    def __init__(
        self,
        events: Iterable[Event] = (),
        *,
        bound: int = 1000,
        empty: str = "no events yet",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._empty = empty
        self._events: deque[Event] = deque(maxlen=bound)
        self.append(events)

    def append(self, events: Iterable[Event]) -> None:
        """Add events, the newest last."""
        events = tuple(events)
        before = len(self._events)
        self._events.extend(event._replace(text=neutral(event.text)) for event in events)
        self.dropped(before + len(events) - len(self._events))
        self.repaint()

    def clear(self) -> None:
        """Forget all."""
        self._events.clear()
        self.action_follow()

    def count(self) -> int:
        return len(self._events)

    def nothing(self) -> str:
        return self._empty

    def entry(self, index: int) -> Line:
        time, level, text = self._events[index]
        before = f" {fit(time, TIME_WIDTH)}  "
        width = self.size.width - cells(before) - LEVEL_WIDTH - 2
        tone = TONES[level]
        return (
            Piece(before, (Tone.DIM.value,)),
            Piece(fit(level.value, LEVEL_WIDTH), (tone.value,)),
            Piece("  " + self.window(text, width), (Tone.BAD.value,) if level is Level.ERROR else ()),
        )


def demo() -> Iterable[EventList]:
    """A night, with one line that tries to do harm."""
    night = (
        Event("03:12:01", Level.INFO, "token 1000 ms, 3 nodes"),
        Event("03:12:44", Level.WARN, "link 1 to node2 is down"),
        Event("03:12:45", Level.ERROR, "node3 left the membership"),
        Event("03:12:46", Level.INFO, "name with \x1b[31mcolour\x1b[0m, \x1b]0;title\x07 and \u202ereversed"),
        Event("03:12:46", Level.INFO, "節点三 の接続が切れました " * 5),
        Event("03:13:20", Level.OK, "node3 joined again"),
    )
    yield EventList([night[i % len(night)] for i in range(60)])


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
