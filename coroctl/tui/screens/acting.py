"""What screens have in common that are about one node: keys and menu for what can be done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen

from coroctl.actions import IN_CONSOLE
from coroctl.sources.changes import label
from coroctl.tui.messages import Wanted

if TYPE_CHECKING:
    from textual.binding import BindingType

    from coroctl.actions import Action
    from coroctl.model import Node


class ActingScreen(Screen[None]):
    """Says what is wanted of which node, by its identity; who carries it out is the app's affair."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "menu", "Actions", id="actions"),
        *(Binding(one.key, f"act('{one.name}')", one.label, show=False, id=one.name) for one in IN_CONSOLE),
    ]

    def __init__(self, *, actions: bool) -> None:
        """Without `actions` there are none: neither keys nor a menu, and none in the help."""
        super().__init__()
        self._actions = actions

    @property
    def acts(self) -> bool:
        """Whether there are actions."""
        return self._actions

    def chosen(self) -> Node | None:
        """The node that the screen is about at the moment."""
        raise NotImplementedError

    def wanted(self, action: Action | None) -> Wanted | None:
        """An action, or the menu, for that node; None if there is none."""
        node = self.chosen()
        return None if node is None else Wanted(action, node.nodeid, label(node), node.prio)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """What is not offered is not bound."""
        return self._actions if action in {"act", "menu"} else True

    def action_act(self, name: str) -> None:
        self._want(next(one for one in IN_CONSOLE if one.name == name))

    def action_menu(self) -> None:
        self._want(None)

    def _want(self, action: Action | None) -> None:
        wanted = self.wanted(action)
        if wanted is not None:
            self.post_message(wanted)
