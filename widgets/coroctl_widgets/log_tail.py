"""The end of a log file, followed: bounded, cropped, painted at most four times a second.

The owner reads the file; this knows its name, its lines, and the reason why there are none.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from coroctl_widgets.follower import Follower
from coroctl_widgets.lines import HEAD, Piece, Tone
from coroctl_widgets.logfile.levels import BAD_WORDS, WARN_WORDS, Weight, weigh
from coroctl_widgets.text import cells, crop, fit, neutral

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from textual.timer import Timer

    from coroctl_widgets.lines import Line

MAX_LINE: Final = 2000
"""Characters kept of a line."""
TONES: Final = {Weight.BAD: Tone.BAD, Weight.WARN: Tone.WARN, Weight.NORMAL: Tone.NORMAL}


class LogLine(NamedTuple):
    """A line as it is kept: neutral, and what it means."""

    text: str
    tone: Tone


class LogTail(Follower):
    """A title line that names the file, and its last lines."""

    HEAD_LINES = 1
    PAINT_EVERY: ClassVar[float] = 0.25
    """Seconds: following twenty lines a second costs 297 KiB/s when painted at once, 64 KiB/s like this."""

    def __init__(
        self,
        source: str,
        *,
        bound: int = 2000,
        bad: re.Pattern[str] = BAD_WORDS,
        warn: re.Pattern[str] = WARN_WORDS,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._source = source
        self._reason = ""
        self._bad, self._warn = bad, warn
        self._lines: deque[LogLine] = deque(maxlen=bound)
        self._waiting: deque[LogLine] = deque(maxlen=bound)
        self._waited_for = 0
        self._painted_at = float("-inf")
        self._timer: Timer | None = None

    def set_source(self, source: str, reason: str = "") -> None:
        """Name the file, and say why there is nothing (more) to read from it; the lines stay."""
        self._source, self._reason = source, reason
        self.repaint()

    def append(self, lines: Iterable[str]) -> None:
        """Add lines; they are painted at once or, soon after the last time, together with those to come."""
        for line in lines:
            self._waiting.append(self._judge(line))
            self._waited_for += 1
        remaining = self._painted_at + self.PAINT_EVERY - monotonic()
        if remaining <= 0 or not self.is_running:
            self._take()
        elif self._timer is None:
            self._timer = self.set_timer(remaining, self._take)

    def clear(self) -> None:
        """Forget all lines, those not yet painted, too."""
        self._waiting.clear()
        self._waited_for = 0
        self._lines.clear()
        self.action_follow()

    def count(self) -> int:
        return len(self._lines)

    def nothing(self) -> str:
        return self._reason or "no lines yet"

    def head(self) -> Line:
        """The file; at the right whether the view moves, or why nothing comes any more."""
        width = self.size.width
        state = self._reason or ("following" if self.follows else "held")
        if self._reason and not self._lines:
            state = "no log"  # the reason has the line below
        right = crop(f"  {'' if not self._shift else f'from column {self._shift + 1}, '}{state} ", width * 2 // 3)
        tone = (Tone.WARN.value, HEAD) if self._reason else (Tone.DIM.value, HEAD)
        name = f" {self._source}"
        return (Piece(fit(name, width - cells(right)), (HEAD,)), Piece(right, tone))

    def entry(self, index: int) -> Line:
        text, tone = self._lines[index]
        return (Piece(" " + self.window(text, self.size.width - 1), (tone.value,)),)

    def _judge(self, line: str) -> LogLine:
        text = neutral(line[:MAX_LINE].rstrip("\r\n"))
        return LogLine(text, TONES[weigh(text, self._bad, self._warn)])

    def _take(self) -> None:
        """Show what waits. Only here do lines change: what is painted must be what is sent."""
        self._timer = None
        self._painted_at = monotonic()
        before = len(self._lines)
        self._lines.extend(self._waiting)
        self.dropped(before + self._waited_for - len(self._lines))
        self._waiting.clear()
        self._waited_for = 0
        self.repaint()


def demo() -> Iterable[LogTail]:
    """A corosync.log, and one that is not there."""
    lines = (
        "Mar 03 03:12:44 [812] node1 corosync notice  [TOTEM ] Token has not been received in 750 ms",
        "Mar 03 03:12:44 [812] node1 corosync warning [KNET  ] host: host: 3 has no active links",
        "Mar 03 03:12:45 [812] node1 corosync error   [TOTEM ] FAILED TO RECEIVE \x1b[1mbold\x1b[0m",
        "Mar 03 03:12:46 [812] node1 corosync notice  [QUORUM] Members[2]: 1 2",
    )
    log = LogTail("/var/log/corosync/corosync.log")
    log.append(f"{lines[i % len(lines)]} ({i})" for i in range(80))
    yield log
    missing = LogTail("/var/log/corolistener.log")
    missing.set_source("/var/log/corolistener.log", "no such file: corolistener does not run here")
    yield missing


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
