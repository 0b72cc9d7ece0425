"""``python -m coroctl.reading.log JSON``: lines of one log, with their times, and what comes from then on.

The argument is checked already (`coroctl.daemon.logs`). Says ``{"lines": [[TIME or null, TEXT], ...]}``, at last with
``"last": true``; or ``{"error": TEXT}``. A line that does not begin with a time has null; null, null is a gap.
"""

from __future__ import annotations

import json
import os
import sys
import time
from threading import Event
from typing import TYPE_CHECKING, Any

from coroctl.reading.humble import become_humble, say, say_often
from coroctl_widgets.logfile import times
from coroctl_widgets.logfile.excerpt import Excerpt, Wanted
from coroctl_widgets.logfile.file import LogFile
from coroctl_widgets.logfile.matching import Matcher, Pattern, PatternError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl_widgets.logfile.lines import Line

CPU_S = 60
"""Of the search through what is there; whoever follows goes on beyond it only with what is new."""
PIECE = 32 * 1024
"""About so many bytes at a time."""
MOST_OF_A_LINE = 4096
LOOK_S = 0.25
PULSE_S = 5.0
PULSE = b'{"lines": []}'


def main() -> int:
    """Read what the argument says."""
    asked = json.loads(sys.argv[1])
    become_humble(None if asked["follow"] else CPU_S)
    try:
        matcher = None if asked["grep"] is None else Matcher(Pattern(asked["grep"], asked["invert"]))
        wanted = Wanted(asked["lines"], asked["since"], matcher, asked["context"])
        file = LogFile(asked["path"], links=False)
        say(PULSE)
        say_often(PULSE, PULSE_S)
        with Excerpt(file, wanted, follow=asked["follow"]) as excerpt:
            _tell(excerpt.now(), file.changed_s)
            said: dict[str, Any] = {"lines": [], "cut": excerpt.cut, "last": not asked["follow"]}
            say(json.dumps(said).encode())
            if asked["follow"]:
                _follow(excerpt)
    except PatternError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{asked['path']}: {error.strerror or error}")
    except MemoryError:
        _fail("the search takes too much memory")
    return 0


def _follow(excerpt: Excerpt) -> None:
    never = Event()
    while True:
        _tell(excerpt.more(), time.time())
        never.wait(LOOK_S)


def _tell(found: Iterable[Line | None], newest: float) -> None:
    piece: list[str] = []
    size = 0
    for line in found:
        rendered = _rendered(line, newest)
        if piece and size + len(rendered) > PIECE:
            _say(piece)
            piece, size = [], 0
        piece.append(rendered)
        size += len(rendered)
    if piece:
        _say(piece)


def _rendered(line: Line | None, newest: float) -> str:
    if line is None:
        return "[null, null]"
    text = line.data[:MOST_OF_A_LINE].decode("utf-8", "replace")
    return json.dumps([times.of_line(line.data, newest), text])


def _say(piece: list[str]) -> None:
    say(f'{{"lines": [{", ".join(piece)}]}}'.encode())


def _fail(why: str) -> None:
    say(json.dumps({"error": why}).encode())


if __name__ == "__main__":
    os._exit(main())  # the thread that says that we live must not be waited for
