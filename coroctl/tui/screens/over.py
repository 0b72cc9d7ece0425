"""What every screen has that stands over another one: the application's own keys end below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding
from textual.screen import ModalScreen

if TYPE_CHECKING:
    from textual.binding import BindingType

T = TypeVar("T")


class Over(ModalScreen[T]):
    """Something else may write over a dialog, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "app.redraw", "Redraw", show=False, id="redraw"),
    ]
