"""What a key is called where a text names it: the user's own, if the user has changed it. Knows no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.screen import Screen


def key_of(screen: Screen[Any], name: str) -> str:
    """The key of the binding of that name, as help and footer write it; empty where it cannot be pressed."""
    if not screen.is_running:
        return ""
    named = (one.binding for one in screen.active_bindings.values() if one.binding.id == name)
    return next((screen.app.get_key_display(binding) for binding in named), "")
