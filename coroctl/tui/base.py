"""What the console does about its terminal, whatever it shows: theme, keys, size, help, pictures, clipboard, end."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding

from coroctl.tui import clipboard, saving, terminal
from coroctl.tui.driver import PatientDriver
from coroctl.tui.profile import Profile, theme
from coroctl.tui.screens.small import TooSmall, too_small
from coroctl_widgets import Badge

if TYPE_CHECKING:
    from textual import events
    from textual.binding import BindingType

PLAIN = Profile()
TOLD_S = 8
"""How long it says where a picture is."""


class TerminalApp(App[None]):
    """An application with a user's profile."""

    TITLE = "coroctl"
    CSS = """
    SearchIcon { display: none; }  /* a picture that many terminals cannot show */
    /* only the terminal's own colours, and a cursor without any */
    CommandPalette #--input { border: hkey $primary; }
    CommandPalette CommandList { border-bottom: hkey $primary; }
    CommandPalette:nocolor CommandList > .option-list--option-highlighted { text-style: bold underline; }
    """
    ENABLE_COMMAND_PALETTE = False  # no key of its own, and no commands of Textual's
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("question_mark", "help", "Help", id="help"),
        Binding("ctrl+p", "command_palette", "Palette", show=False, id="palette"),
        Binding("ctrl+l", "redraw", "Redraw", show=False, id="redraw"),
        Binding("S", "save", "Save the screen", show=False, id="save"),
    ]

    def __init__(self, profile: Profile = PLAIN) -> None:
        super().__init__(driver_class=PatientDriver, ansi_color=True)
        self._profile = profile
        self.badge = Badge(profile.name, profile.colour)
        self._before = terminal.settings()
        self.use_command_palette = True
        self.animation_level = "none"
        # Textual's own dark theme paints every blank and confuses warning with error in 16 colours.
        self.theme = theme(profile)

    def on_mount(self) -> None:
        self.set_keymap(self._profile.keys)
        if not self.is_headless:
            terminal.end_on_signals(lambda code: self.exit(return_code=code), self._before)
            terminal.end_with_terminal()

    def on_resize(self, event: events.Resize) -> None:
        """Nothing can be read, or pressed, where there is no room for it."""
        if isinstance(self._driver, PatientDriver):
            self._driver.resized(event.size)
        small = isinstance(self.screen, TooSmall)
        if too_small(event.size) and not small:
            self.push_screen(TooSmall())
        elif small and not too_small(event.size):
            self.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of a screen that is not shown nothing can be asked."""
        if self.screen_stack and isinstance(self.screen, TooSmall):
            return action == "quit"
        return super().check_action(action, parameters)

    def action_help(self) -> None:
        """The help is made from the bindings, so it cannot lie."""
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def action_redraw(self) -> None:
        """After something else has written on the terminal: the kernel, or `wall`."""
        if isinstance(self._driver, PatientDriver):
            self._driver.redraw()
        self.screen.refresh()

    def action_save(self) -> None:
        """The screen as it is, before anything is said about it."""
        lines = (strip.text.rstrip() for strip in self.screen._compositor.render_strips())
        texts = {"svg": self.export_screenshot(), "txt": "\n".join(lines) + "\n"}
        self.run_worker(self._save(f"coroctl-{time.strftime('%Y%m%d-%H%M%S')}", texts))

    async def _save(self, name: str, texts: dict[str, str]) -> None:
        try:
            svg, _ = await asyncio.to_thread(saving.save, name, texts)
        except OSError as error:
            self.notify(f"not saved: {error}", severity="error", timeout=TOLD_S, markup=False)
        else:
            self.notify(f"saved as {svg} and .txt", timeout=TOLD_S, markup=False)

    def copy_to_clipboard(self, text: str) -> None:
        """To the clipboard of the terminal that this is seen on, also over SSH, in tmux and in GNU screen."""
        self._clipboard = text
        if "TMUX" in os.environ:
            self.run_worker(self._copy_by_tmux(text))
            return
        if self._driver is not None:
            self._driver.write(clipboard.sequence(text, os.environ))
        self.notify(f"copied, if the terminal lets itself be told (OSC 52): {text.strip()}", markup=False)

    async def _copy_by_tmux(self, text: str) -> None:
        wrong = await asyncio.to_thread(clipboard.by_tmux, text)
        if wrong:
            self.notify(f"not copied: tmux says: {wrong}", severity="error", markup=False)
        else:
            self.notify(f"copied by tmux: {text.strip()}", markup=False)
