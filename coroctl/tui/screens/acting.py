"""What screens have in common on which something can be done: to a node, or to a virtual machine."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen

from coroctl.actions import ACTIONS, IN_CONSOLE
from coroctl.sources.changes import label
from coroctl.tui.messages import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.binding import BindingType

    from coroctl.actions import Action
    from coroctl.model import Node


def bindings(actions: Iterable[Action], *, show: bool = False) -> list[Binding]:
    """The keys of the registry."""
    return [
        Binding(one.key, f"act('{one.name}')", one.label, show=show, id=one.name.replace(" ", "-")) for one in actions
    ]


class ActingScreen(Screen[None]):
    """Says what is wanted of whom, by its identity; who carries it out is the app's affair."""

    OFFERS: ClassVar[tuple[Action, ...]] = ()

    def __init__(self, *, actions: bool) -> None:
        """Without `actions` there are none: neither keys nor a menu, and none in the help."""
        super().__init__()
        self._actions = actions

    @property
    def acts(self) -> bool:
        """Whether there are actions."""
        return self._actions

    @abstractmethod
    def wanted(self, action: Action | None) -> Wanted | None:
        """An action, or the menu, for what is chosen; None if nothing is."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """What is not offered is not bound."""
        return self._actions if action in {"act", "menu"} else True

    def action_act(self, name: str) -> None:
        self._want(next(one for one in ACTIONS if one.name == name))

    def _want(self, action: Action | None) -> None:
        wanted = self.wanted(action)
        if wanted is not None:
            self.post_message(wanted)


class NodeActing(ActingScreen):
    """About one node at a time."""

    OFFERS = IN_CONSOLE

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "menu", "Actions", id="actions"),
        *bindings(IN_CONSOLE),
    ]

    @abstractmethod
    def chosen(self) -> Node | None:
        """The node that the screen is about at the moment."""

    def wanted(self, action: Action | None) -> Wanted | None:
        """For that node."""
        node = self.chosen()
        return None if node is None else Wanted(action, node.nodeid, label(node), node.prio)

    def action_menu(self) -> None:
        self._want(None)
