"""One action on one node, or virtual machine, from its preflight to its end. What takes time is done on a thread.

It is known by its id from the moment that the action was chosen, wherever the cursor goes meanwhile.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from textual import on
from textual.message import Message

from coroctl.actions import LARGEST_PRIO, Ask
from coroctl.client import Denied, Rejected
from coroctl.errors import CoroctlError
from coroctl.tui import sheets
from coroctl.tui.screens.over import Over
from coroctl_widgets import SheetDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from coroctl.actions import Action, Outlook
    from coroctl.conduct import Report, Step
    from coroctl.tui.messages import Wanted
    from coroctl_widgets import Sheet


class Operator(Protocol):
    """Who looks and changes. Blocks, and raises CoroctlError."""

    def preflight(self, ask: Ask) -> Outlook:
        """What the change would lead to."""

    def conduct(self, ask: Ask, outlook: Outlook, tell: Callable[[Step], object]) -> Report:
        """Carry it through; `tell` gets each step, on the calling thread."""


class _Looked(Message):
    def __init__(self, ask: Ask, outlook: Outlook) -> None:
        super().__init__()
        self.ask = ask
        self.outlook = outlook


class _Stepped(Message):
    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step


class _Ended(Message):
    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


class _Failed(Message):
    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class ActionScreen(Over[None]):
    """Over whatever was shown."""

    CSS = """
    ActionScreen { align: center middle; background: $background; }
    """

    def __init__(self, operator: Operator, wanted: Wanted, action: Action) -> None:
        super().__init__()
        self._operator = operator
        self._action = action
        self._node = wanted.node
        self._of = wanted.label
        self._prio = wanted.prio
        self._places = wanted.places
        self._ask = Ask(action, wanted.node, machine=wanted.machine)
        self._outlook: Outlook | None = None
        self._steps: list[Step] = []
        self._dialog = SheetDialog(self._first())

    def compose(self) -> ComposeResult:
        yield self._dialog

    def on_mount(self) -> None:
        if not (self._action.takes_value or self._action.takes_node):
            self._look(self._ask)

    @on(SheetDialog.Dismissed)
    def leave(self) -> None:
        """What is under way goes on."""
        self.dismiss()

    @on(SheetDialog.Accepted)
    def go_on(self, message: SheetDialog.Accepted) -> None:
        if self._outlook is None:
            self._take(message.typed)
        elif failing := self._outlook.failing(self._ask.force):
            self._look(self._ask._replace(force=self._ask.force | {failing[0].name}))
        else:
            self._carry_out(self._ask, self._outlook)

    @on(_Looked)
    def show_outlook(self, message: _Looked) -> None:
        self._ask, self._outlook = message.ask, message.outlook
        self._dialog.show(sheets.outlook_sheet(message.ask, message.outlook))

    @on(_Stepped)
    def show_step(self, message: _Stepped) -> None:
        self._steps.append(message.step)
        self._dialog.show(sheets.running_sheet(self._ask, self._of, self._steps))

    @on(_Ended)
    def show_report(self, message: _Ended) -> None:
        assert self._outlook is not None
        self._dialog.show(sheets.report_sheet(self._ask, self._outlook, self._steps, message.report))

    @on(_Failed)
    def show_failure(self, message: _Failed) -> None:
        self._dialog.show(sheets.error_sheet(self._action, self._of, self._steps, message.why))

    def _waiting(self) -> Sheet:
        return sheets.waiting_sheet(self._action, self._of)

    def _first(self, wrong: str = "") -> Sheet:
        """What must be known before it can be looked at."""
        if self._action.takes_node:
            return sheets.place_sheet(self._action, self._of, self._places, wrong)
        if self._action.takes_value:
            return sheets.value_sheet(self._action, self._of, self._prio, wrong)
        return self._waiting()

    def _take(self, typed: str) -> None:
        if self._action.takes_node:
            self._take_place(typed)
        elif typed.isascii() and typed.isdigit() and int(typed) <= LARGEST_PRIO:
            self._look(self._ask._replace(value=int(typed)))
        else:
            wrong = f"{typed!r} is no priority: a whole number from 0 to {LARGEST_PRIO} is one"
            self._dialog.show(self._first(wrong))

    def _take_place(self, typed: str) -> None:
        """A node by its name, else by its id."""
        named = [node for node, called in self._places if called == typed]
        found = named or [node for node, _ in self._places if str(node) == typed]
        if len(found) == 1:
            self._look(self._ask._replace(node=found[0], words=(self._ask.machine, typed)))
        else:
            self._dialog.show(self._first(f"{'more than one' if found else 'no other'} node is called {typed!r}"))

    def _look(self, ask: Ask) -> None:
        self._dialog.show(self._waiting())
        self._on_thread(lambda: self.post_message(_Looked(ask, self._operator.preflight(ask))))

    def _carry_out(self, ask: Ask, outlook: Outlook) -> None:
        self._dialog.show(sheets.running_sheet(ask, self._of, ()))

        def work() -> None:
            report = self._operator.conduct(ask, outlook, lambda step: self.post_message(_Stepped(step)))
            self.post_message(_Ended(report))

        self._on_thread(work)

    def _on_thread(self, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            except (Denied, Rejected) as error:
                self.post_message(_Failed(f"refused: {error}"))
            except CoroctlError as error:
                self.post_message(_Failed(str(error)))

        threading.Thread(target=run, name="asks corolistener", daemon=True).start()
