"""What the console's threads and screens tell each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from coroctl.actions import Action
    from coroctl.model import NodeId
    from coroctl.sources.logs import News


class Updated(Message):
    """The feed has something new: it waits at the app."""


class Logged(Message):
    """The log has something new, or a reason why it has not."""

    def __init__(self, news: News) -> None:
        super().__init__()
        self.news = news


class Opened(Message):
    """Somebody wants to see a node."""

    def __init__(self, node: NodeId) -> None:
        super().__init__()
        self.node = node


class Wanted(Message):
    """Somebody wants to do something to a node, or a virtual machine; without an action: to choose from a menu."""

    def __init__(
        self,
        action: Action | None,
        node: NodeId,
        label: str,
        prio: int | None,
        machine: str = "",
        places: tuple[tuple[NodeId, str], ...] = (),
    ) -> None:
        super().__init__()
        self.action = action
        self.node = node
        self.label = label
        self.prio = prio
        """Its priority as it is shown."""
        self.machine = machine
        self.places = places
        """Nodes where the machine could be, and what they are called."""
