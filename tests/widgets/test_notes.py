"""Notes: a line each, harmless, and no more is sent than what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl_widgets import Note, Notes, Tone
from tests.widgets.stage import Terminal, on_terminal

if TYPE_CHECKING:
    from textual.pilot import Pilot


async def test_lines_change_cell_by_cell() -> None:
    notes = Notes()
    notes.styles.height = 2
    notes.set_reactive(Notes.value, (Note("n1 is master"), Note("ALARM: it burns", Tone.BAD)))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        assert terminal.lines[:2] == ["  n1 is master", "  ALARM: it burns"]
        notes.value = (Note("n2 is master"), Note("ALARM: it burns", Tone.BAD))
        await pilot.pause()
        assert "ALARM" not in terminal.sent
        assert 0 < terminal.bytes_since_last() < 100
        notes.value = (Note("n2 is master"),)
        await pilot.pause()

    terminal = await on_terminal(notes, act)
    assert terminal.lines[:2] == ["  n2 is master", ""]


async def test_no_text_can_command_the_terminal() -> None:
    notes = Notes()
    notes.set_reactive(Notes.value, (Note("\x1b[2J[red]\u202e" + "x" * 200),))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.pause()
        assert "\u202e" not in terminal.lines[0]
        assert "[red]" in terminal.lines[0]
        assert len(terminal.lines[0]) <= 80

    await on_terminal(notes, act)
