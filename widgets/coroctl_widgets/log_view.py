"""A log file of any size: at its end at once, followed, searched and filtered as a whole, gone to by time.

Owns keys and prompt. A `Session` reads, on a thread of its own; `Hunt` searches, in a process of its own; `LogLines`
paints. What comes by itself is painted at most four times a second.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual.actions import SkipAction
from textual.binding import Binding
from textual.containers import Vertical

from coroctl_widgets.lines import Tone
from coroctl_widgets.log_hunt import Hunt
from coroctl_widgets.log_lines import LogLines, Status, StatusLine, place
from coroctl_widgets.log_prompt import Asked, Editor
from coroctl_widgets.logfile import times
from coroctl_widgets.logfile.levels import BAD_WORDS, WARN_WORDS
from coroctl_widgets.logfile.matching import PatternError
from coroctl_widgets.logfile.session import Session
from coroctl_widgets.logfile.thread import Reader

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Coroutine, Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl_widgets.logfile.matching import Matcher
    from coroctl_widgets.logfile.session import Frame

WHEEL: Final = 3
CONTEXTS: Final = (0, 1, 3, 10)
"""Lines around a match, one after the other."""
JOIN_S: Final = 0.5
PROMPTS: Final = {f"prompt('{kind}')": kind for kind in ("search", "filter", "time", "file")}
Answer = TypeVar("Answer")


class Prompt(Enum):
    """What is asked for on the last line: its sign, and an example."""

    SEARCH = ("/", "a text or a regular expression; small letters match large ones, too")
    FILTER = ("&", "lines with this, or !this for those without; nothing for all lines")
    TIME = ("time", times.FORMS)
    FILE = ("file", "/path/of/any.log")

    @property
    def sign(self) -> str:
        return self.value[0]

    @property
    def example(self) -> str:
        return self.value[1]


class LogView(Vertical):
    """One file by name, which the owner may change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "prompt('search')", "Find", key_display="/", id="find"),
        Binding("n", "again(True)", "Next match", show=False, id="next-match"),
        Binding("N", "again(False)", "Match the other way", show=False, id="previous-match"),
        Binding("ampersand", "prompt('filter')", "Filter", key_display="&", id="filter"),
        Binding("C", "context", "Lines around matches", show=False, id="context"),
        Binding("t", "prompt('time')", "Time", id="time"),
        Binding("F", "toggle_follow", "Follow", show=False, id="follow"),
        Binding("o", "prompt('file')", "Open another file", show=False, id="open-file"),
        Binding("g,home", "first", "Oldest line", show=False, id="first"),
        Binding("G,end", "follow", "Newest line", show=False, id="last"),
        Binding("down,j", "move(1)", "Down", show=False, id="down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="up"),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False, id="page-down"),
        Binding("pageup,ctrl+b,b", "page(-1)", "Page up", show=False, id="page-up"),
        Binding("right,l", "sideways(1)", "Right", show=False, id="right"),
        Binding("left,h", "sideways(-1)", "Left", show=False, id="left"),
        Binding("y", "copy", "Copy the line that was found", show=False, id="copy"),
        Binding("escape", "cancel", "Back", id="cancel-search"),
    ]

    DEFAULT_CSS = """
    LogView { height: 1fr; width: 1fr; }
    """

    POLL_EVERY: ClassVar[float] = 0.25
    """Seconds."""

    def __init__(
        self,
        path: str,
        *,
        bad: re.Pattern[str] = BAD_WORDS,
        warn: re.Pattern[str] = WARN_WORDS,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._bad, self._warn = bad, warn
        self._session = Session(path, bad, warn)
        self._lines = LogLines(path)
        self._status = StatusLine()
        self._lines.keys = self._take_key
        self._editor: Editor | None = None
        self._frame: Frame | None = None
        self._reader: Reader | None = None
        self._polling = False
        self._asking = Prompt.SEARCH
        self._typed = dict.fromkeys(Prompt, "")
        self._hunt = Hunt(self)
        self._around = CONTEXTS[0]

    @property
    def frame(self) -> Frame | None:
        """What is shown."""
        return self._frame

    @property
    def path(self) -> str:
        """Of the file."""
        return self._session.path

    @property
    def busy(self) -> bool:
        """Whether a search is under way."""
        return bool(self._hunt.doing)

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._status

    def on_mount(self) -> None:
        self._reader = Reader()
        self.set_interval(self.POLL_EVERY, self._poll)

    async def on_unmount(self) -> None:
        await self._hunt.cancel()
        if self._reader is not None:
            self._reader.do(self._session.close)
            self._reader.stop()
            await asyncio.to_thread(self._reader.join, JOIN_S)
            self._reader = None

    def focus(self, scroll_visible: bool = True) -> LogView:
        self._lines.focus(scroll_visible)
        return self

    def open(self, path: str, title: str = "") -> None:
        """Show another file, at its end. `title`: what to call it; empty: its path."""
        self._spawn(self._open(path, title))

    async def _open(self, path: str, title: str = "") -> None:
        await self._hunt.forget()
        old, self._session = self._session, Session(path, self._bad, self._warn)
        self.note(lambda _: old.close())
        self._frame = None
        self._lines.name_source(title or path)
        self.refresh_bindings()  # what leads here may be of no use now
        self.do(_nothing)

    def on_resize(self) -> None:
        self.call_after_refresh(self.do, _nothing)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-WHEEL)

    # What is read, on the reader's thread, and shown, here.

    def do(self, act: Callable[[Session], object]) -> None:
        """Do something with the session, on the reader's thread, and show what it leads to."""
        session, height = self._session, self._lines.body

        def job() -> None:
            session.height = height
            act(session)
            self.call_later(self._show, session, session.frame())

        if self._reader is not None:
            self._reader.do(job)

    def note(self, act: Callable[[Session], object]) -> None:
        """Do something with the session, there, that is shown later."""
        session = self._session
        if self._reader is not None:
            self._reader.do(lambda: act(session))

    async def ask(self, question: Callable[[Session], Answer]) -> Answer:
        """The session's answer, from there."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.note(lambda session: self.call_later(_answered, answer, question(session)))
        return await answer

    def _poll(self) -> None:
        if self._polling:
            return
        self._polling = True
        busy = bool(self._hunt.doing) and self._hunt.filters

        def look(session: Session) -> None:
            changed = session.poll() or busy
            self.call_later(self._polled, session, session.frame() if changed else None, session.unselected())

        self.note(look)

    def _polled(self, session: Session, frame: Frame | None, news: tuple[int, int] | None) -> None:
        self._polling = False
        if session is not self._session:
            return
        if frame is not None:
            self._show(session, frame)
        if news is not None:
            self._hunt.grown(*news)

    def _show(self, session: Session, frame: Frame) -> None:
        if session is not self._session:
            return
        before, self._frame = self._frame, frame
        self._lines.show(frame)
        self.say()
        if before is not None and before.generation != frame.generation and self._hunt.filters:
            self._spawn(self._hunt.select_anew())

    def say(self) -> None:
        """Bring the last line up to date."""
        frame = self._frame
        notice = self._hunt.complaint or (frame.notice if frame else "")
        about = self._hunt.about(frame.hits or 0 if frame else 0, self._around)
        left = "  ".join(part for part in (notice, self._hunt.doing, *about) if part)
        self._status.show(Status(left, place(frame) if frame else "", Tone.WARN if notice else Tone.NORMAL))

    def mark(self, *matchers: Matcher) -> None:
        """Mark in the lines what these find."""
        self._lines.mark(*(matcher.spans for matcher in matchers))

    # Prompts.

    def action_prompt(self, kind: str) -> None:
        self._asking = Prompt[kind.upper()]
        self._editor = Editor()
        self._show_prompt()

    def _take_key(self, key: str, character: str | None) -> bool:
        """Whether a key belongs to the prompt, the one that opens it included: what is typed ahead must not act."""
        editor = self._editor
        if editor is None:
            bound = self.screen.active_bindings.get(key)
            if bound is None or bound.node is not self or bound.binding.action not in PROMPTS:
                return False
            self.action_prompt(PROMPTS[bound.binding.action])
            return True
        if key not in ("enter", "escape"):
            if key == "up":
                editor.insert(self._typed[self._asking])
            editor.press(key, character)
            self._show_prompt()
            return True
        self._editor = None
        self._show_prompt()
        if key == "enter":
            self._typed[self._asking] = editor.text
            self._spawn(self._answer(self._asking, editor.text))
        return True

    def on_paste(self, event: events.Paste) -> None:
        if self._editor is not None:
            event.stop()
            self._editor.insert(event.text)
            self._show_prompt()

    def _show_prompt(self) -> None:
        editor = self._editor
        if editor is None:
            self._status.ask(None)
            return
        text, at = editor.text, editor.at
        self._status.ask(Asked(self._asking.sign, text[:at], text[at : at + 1], text[at + 1 :], self._asking.example))

    async def _answer(self, asked: Prompt, text: str) -> None:
        self._hunt.complaint = ""
        try:
            match asked:
                case Prompt.SEARCH:
                    # Whoever is at the end looks for what was; whoever is elsewhere, for what comes.
                    await self._hunt.search(text, up=self._frame is None or self._frame.follows)
                case Prompt.FILTER:
                    await self._hunt.select(text)
                case Prompt.TIME:
                    self.do(lambda session: session.go_to_time(text))
                case Prompt.FILE:
                    await self._open(text)
        except PatternError as error:
            self._hunt.complaint = str(error)
        self.say()

    # Keys.

    def action_cancel(self) -> None:
        if self._hunt.doing:
            self._spawn(self._cancel())
        elif self._hunt.filters:
            self._spawn(self._hunt.select(""))
        else:
            raise SkipAction  # the key is the screen's

    async def _cancel(self) -> None:
        await self._hunt.cancel()
        self._hunt.complaint = "cancelled"
        self.say()

    def action_again(self, same: bool) -> None:
        if self._hunt.searches:
            self._spawn(self._hunt.again(same))
        else:
            self.action_prompt("search")

    def action_context(self) -> None:
        self._around = CONTEXTS[(CONTEXTS.index(self._around) + 1) % len(CONTEXTS)]
        count = self._around
        self._act(lambda session: session.set_context(count))

    def action_move(self, by: int) -> None:
        self._act(lambda session: session.move(by))

    def action_page(self, by: int) -> None:
        count = by * max(1, self._lines.body - 2)
        self._act(lambda session: session.move(count))

    def action_first(self) -> None:
        self._act(lambda session: session.first())

    def action_follow(self) -> None:
        self._act(lambda session: session.follow())

    def action_toggle_follow(self) -> None:
        on = self._frame is not None and not self._frame.follows
        self._act(lambda session: session.follow(on))

    def action_sideways(self, by: int) -> None:
        self._lines.sideways(by)

    def action_copy(self) -> None:
        """To the terminal's clipboard; without a line that was found, the last one that is seen."""
        rows = self._frame.rows if self._frame is not None else ()
        if rows:
            self.app.copy_to_clipboard(next((row.text for row in rows if row.found), rows[-1].text))

    def _act(self, act: Callable[[Session], object]) -> None:
        self._hunt.complaint = ""
        self.do(act)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self.run_worker(work)


def _nothing(_session: Session) -> None:
    """Only show."""


def _answered(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


def demo() -> Iterable[LogView]:
    """This machine's log, or whatever file is named after the program."""
    import sys

    yield LogView(sys.argv[1] if len(sys.argv) > 1 else "/var/log/corosync/corosync.log")


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
