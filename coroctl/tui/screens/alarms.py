"""Every alarm, and under each what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Footer

from coroctl.tui import alarm_notes
from coroctl.tui.screens.page import Page
from coroctl_widgets import Note, Notes, Tone

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.tui.view import View


class Alarms(Page):
    """A list to read; it scrolls with the arrow keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,backspace,a", "leave", "Back", id="back")]

    HEADING = "Alarms"

    CSS = """
    Alarms { layout: vertical; }
    #page { height: 1fr; margin-top: 1; }
    """

    def __init__(self, view: View | None) -> None:
        super().__init__(view)
        self._notes = Notes(id="alarms")

    def compose(self) -> ComposeResult:
        yield self._title
        with VerticalScroll(id="page"):
            yield self._notes
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#page").focus()

    def on_resize(self) -> None:
        if self._view is not None:
            self.show(self._view)

    def show(self, view: View) -> None:
        """Bring the list up to date."""
        super().show(view)
        found = alarm_notes.whole(view.alarms, self.size.width)
        self._notes.show_lines(found or (Note("no alarms: all is well", Tone.GOOD),))
