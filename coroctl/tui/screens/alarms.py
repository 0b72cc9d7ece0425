"""Every alarm, and under each what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer

from coroctl.tui import alarm_notes, presenters
from coroctl_widgets import Note, Notes, TitleBar, Tone

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import Snapshot
    from coroctl.tui.view import View


class Alarms(Screen[None]):
    """A list to read; it scrolls with the arrow keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,backspace,a", "leave", "Back", id="back")]

    CSS = """
    Alarms { layout: vertical; }
    #page { height: 1fr; margin-top: 1; }
    """

    def __init__(self, view: View | None) -> None:
        super().__init__()
        self._view = view
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._notes = Notes(id="alarms")

    def compose(self) -> ComposeResult:
        yield self._title
        with VerticalScroll(id="page"):
            yield self._notes
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#page").focus()
        if self._view is not None:
            self.show(self._view)

    def on_resize(self) -> None:
        if self._view is not None:
            self.show(self._view)

    def show(self, view: View) -> None:
        """Bring the list up to date."""
        self._view = view
        self.show_age(view.snapshot, view.age)
        found = alarm_notes.whole(view.alarms, self.size.width)
        self._notes.show_lines(found or (Note("no alarms: all is well", Tone.GOOD),))

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        self._title.value = presenters.title(snapshot, age, "Alarms")

    def action_leave(self) -> None:
        self.dismiss()
