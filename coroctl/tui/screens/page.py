"""What pages have in common: the newest view of the cluster, a title that says how old it is, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import Screen

from coroctl.tui import presenters
from coroctl_widgets import TitleBar

if TYPE_CHECKING:
    from coroctl.model import Snapshot
    from coroctl.tui.view import View


class Page(Screen[None]):
    """One that is opened over the overview; `view`: None while there is none yet."""

    HEADING: ClassVar[str]

    def __init__(self, view: View | None) -> None:
        super().__init__()
        self._view = view
        self._title = TitleBar(presenters.title(None, None), id="title")

    def on_mount(self) -> None:
        if self._view is not None:
            self.show(self._view)

    def show(self, view: View) -> None:
        """Bring every part up to date."""
        self._view = view
        self.show_age(view.snapshot, view.age)

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        self._title.value = presenters.title(snapshot, age, self.HEADING)

    def action_leave(self) -> None:
        self.dismiss()
