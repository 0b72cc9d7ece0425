"""A dialog for what should not be done by mistake: what is known, what would happen, something to type, two buttons.

It is set as a whole, again and again, while its matter goes on (asked, under way, ended), and says only that it was
accepted or dismissed. Nothing in it moves by itself, so it costs nothing over a slow line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label

from coroctl_widgets.choice import Choice
from coroctl_widgets.paper import Paper, Remark
from coroctl_widgets.text import neutral

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType


BLANK = "_" * 20
WIDEST, HIGHEST, STEP = 100, 36, 12
FRAME = 4
"""Cells left and right of the text."""
ROUND = 7
"""Lines around the remarks: border, title, foot, entry, buttons, and one that stays empty."""


class Entry(NamedTuple):
    """Something to type. `wanted`: exactly this; empty: anything."""

    label: str
    wanted: str = ""


class Sheet(NamedTuple):
    """What the dialog shows."""

    title: str
    remarks: tuple[Remark, ...] = ()
    foot: str = ""
    """A line under it all: the command that does the same, say."""
    entry: Entry | None = None
    accept: str = ""
    """What the button that goes on says; empty: there is none."""
    dismiss: str = "Cancel"
    at_end: bool = False
    """What came last is what matters: show the end of the remarks."""


class SheetDialog(Vertical):
    """The first button, which dismisses, has the focus until somebody moves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="cancel"),
        Binding("down", "scroll(1)", "Down", show=False, id="down"),
        Binding("up", "scroll(-1)", "Up", show=False, id="up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="page-down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="page-up"),
        Binding("left", "app.focus_previous", "Previous", show=False, id="previous"),
        Binding("right", "app.focus_next", "Next", show=False, id="next"),
    ]

    DEFAULT_CSS = """
    SheetDialog {
        width: 100%; max-width: 100; height: 12; max-height: 100%; border: solid $foreground; padding: 0 1;
        & > .sheet--title { width: 1fr; text-style: bold; }
        & > .sheet--foot { width: 1fr; height: auto; max-height: 2; text-style: dim; }
        & > Horizontal { height: 1; }
        & Input { width: 1fr; background: transparent; }
        & Input { margin-left: 1; text-style: underline; }
        & .sheet--buttons { align-horizontal: right; }
    }
    """

    class Accepted(Message):
        """The second button, or Enter after what was to be typed."""

        def __init__(self, dialog: SheetDialog, typed: str) -> None:
            super().__init__()
            self.dialog = dialog
            self.typed = typed

        @property
        def control(self) -> SheetDialog:
            return self.dialog

    class Dismissed(Message):
        """The first button, or Escape."""

        def __init__(self, dialog: SheetDialog) -> None:
            super().__init__()
            self.dialog = dialog

        @property
        def control(self) -> SheetDialog:
            return self.dialog

    def __init__(self, sheet: Sheet, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._sheet = sheet
        self._height = 0
        self._title = Label("", classes="sheet--title", markup=False)
        self._paper = Paper()
        self._foot = Label("", classes="sheet--foot", markup=False)
        self._entry_label = Label("", markup=False)
        self._input = Input(compact=True, select_on_focus=False, placeholder=BLANK)
        self._entry = Horizontal(self._entry_label, self._input)
        self._dismiss = Choice(id="dismiss")
        self._accept = Choice(id="accept")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._paper
        yield self._foot
        yield self._entry
        yield Horizontal(self._dismiss, self._accept, classes="sheet--buttons")

    def on_mount(self) -> None:
        self._input.cursor_blink = False
        self.show(self._sheet)

    @property
    def sheet(self) -> Sheet:
        """What is shown."""
        return self._sheet

    @property
    def texts(self) -> list[str]:
        """Every line of the remarks, seen or not."""
        return self._paper.texts

    def show(self, sheet: Sheet) -> None:
        """Show this instead; the focus goes to the button that dismisses, unless both stay what they are."""
        before, self._sheet = self._sheet, sheet
        first = before is sheet
        if first or before.title != sheet.title:
            self._title.update(neutral(sheet.title))
        self._paper.show(sheet.remarks, end=sheet.at_end)
        if first or before.foot != sheet.foot:
            self._foot.update(neutral(sheet.foot))
        self._grow()
        self._foot.display = bool(sheet.foot)
        self._dismiss.value = sheet.dismiss
        self._accept.value = sheet.accept
        self._accept.display = bool(sheet.accept)
        self._entry.display = sheet.entry is not None
        if sheet.entry is not None and (first or before.entry != sheet.entry):
            self._entry_label.update(neutral(sheet.entry.label))
            self._input.value = ""
        self._judge()
        if first or (before.entry, before.accept) != (sheet.entry, sheet.accept):
            self._dismiss.focus()

    def on_resize(self) -> None:
        self._grow()

    def _grow(self) -> None:
        """As high as what it shows needs, in large steps: each costs a repaint. It never shrinks."""
        lines = self._paper.lines_at(min(WIDEST, self.app.size.width) - FRAME) + ROUND
        self._height = max(self._height, min(HIGHEST, -(-lines // STEP) * STEP))
        self.styles.height = self._height  # a layout only when it differs

    def on_key(self, event: events.Key) -> None:
        """Who just types, types into the entry: the cursor need not be brought there first."""
        if self._sheet.entry is None or self._input.has_focus or not event.is_printable or not event.character:
            return
        event.stop()
        self._input.focus()
        self._input.insert_text_at_cursor(event.character)

    @on(Input.Changed)
    def _judge(self) -> None:
        entry = self._sheet.entry
        typed = self._input.value.strip()
        self._accept.disabled = entry is not None and (typed != entry.wanted if entry.wanted else not typed)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self._go_on()

    @on(Choice.Chosen)
    def _choose(self, event: Choice.Chosen) -> None:
        event.stop()
        if event.choice is self._accept:
            self._go_on()
        else:
            self.action_dismiss()

    def _go_on(self) -> None:
        if self._sheet.accept and not self._accept.disabled:
            self.post_message(self.Accepted(self, self._input.value.strip() if self._sheet.entry else ""))

    def action_dismiss(self) -> None:
        self.post_message(self.Dismissed(self))

    def action_scroll(self, lines: int) -> None:
        self._paper.scroll_by(lines)

    def action_page(self, pages: int) -> None:
        self._paper.scroll_by(pages * self._paper.page)


def demo() -> Iterable[SheetDialog]:
    """A question that takes a name."""
    yield SheetDialog(
        Sheet(
            "Promote node2",
            (
                Remark("node2: the device of the cluster address is down", "FAIL device"),
                Remark("What will happen", strong=True),
                Remark("10.0.0.100/32 moves from node1 to node2 after 1 s, silent for less than 0.1 s", "address"),
            ),
            "coroctl promote node2 --yes",
            Entry("Type node2 to go on:", "node2"),
            "Promote",
        )
    )


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
