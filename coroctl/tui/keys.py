"""Every key of the console, place by place, taken from the bindings; and which of a user's wishes can be granted.

Loads every screen: the console needs it only where the user's file has wishes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.binding import Binding
from textual.keys import Keys, format_key

from coroctl.tui.base import TerminalApp
from coroctl.tui.screens.action import ActionScreen
from coroctl.tui.screens.alarms import Alarms
from coroctl.tui.screens.configuration import ConfigurationScreen
from coroctl.tui.screens.difference import Difference
from coroctl.tui.screens.links import Links
from coroctl.tui.screens.log import LogScreen
from coroctl.tui.screens.machines import MachinesScreen
from coroctl.tui.screens.menu import MenuScreen
from coroctl.tui.screens.node import NodeScreen
from coroctl.tui.screens.overview import Overview
from coroctl_widgets import EventList, LinkMatrix, Listing, LiveTable, LogTail, LogView, SheetDialog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from textual.dom import DOMNode

EVERYWHERE = "everywhere"
PLACES: Mapping[str, tuple[type[DOMNode], ...]] = {
    EVERYWHERE: (TerminalApp,),
    "overview": (Overview, LiveTable, EventList, LogTail),
    "node": (NodeScreen, LiveTable),
    "links": (Links, LinkMatrix, LiveTable),
    "machines": (MachinesScreen, LiveTable),
    "alarms": (Alarms,),
    "configuration": (ConfigurationScreen, Listing, LiveTable),
    "difference": (Difference, Listing),
    "log": (LogScreen, LogView),
    "actions": (MenuScreen, LiveTable),
    "dialog": (ActionScreen, SheetDialog),
}
"""A screen and what can have the focus there."""
_MODIFIERS = {"ctrl", "alt", "shift"}
_NAMED = {key.value for key in Keys}


class Key(NamedTuple):
    """One binding."""

    place: str
    owner: str
    """The class whose it is."""
    name: str
    """By which the user's file knows it; empty for those that cannot be changed."""
    keys: tuple[str, ...]
    """As Textual writes them."""
    text: str


def catalogue() -> tuple[Key, ...]:
    """All of them, in the order of the screens."""
    return tuple(key for place, owners in PLACES.items() for owner in owners for key in _keys(place, owner))


def _keys(place: str, owner: type[DOMNode]) -> Iterator[Key]:
    for kind in reversed(owner.__mro__):
        if kind.__module__.startswith(("coroctl.", "coroctl_widgets.")):
            for one in kind.__dict__.get("BINDINGS", ()):
                assert isinstance(one, Binding)
                yield Key(place, kind.__name__, one.id or "", tuple(one.key.split(",")), one.description)


def shown(key: str) -> str:
    """As help and footer write it."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join((*modifiers, last if len(last) == 1 else format_key(last)))


def granted(wishes: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The wishes (name -> keys, separated by commas) that can be had, and why the others cannot."""
    known = catalogue()
    names = {key.name for key in known if key.name}
    refused = {name: f"there is no key named {name!r}; see the README's table" for name in wishes if name not in names}
    for name, keys in wishes.items():
        if name not in refused and (wrong := next((key for key in _split(keys) if not _is_key(key)), None)) is not None:
            refused[name] = f"{wrong!r} is no key"
    while found := _clash({name: keys for name, keys in wishes.items() if name not in refused}, known):
        refused |= found
    return {name: ",".join(_split(keys)) for name, keys in wishes.items() if name not in refused}, refused


def _split(keys: str) -> list[str]:
    return [keys] if keys == "," else [key.strip() for key in keys.split(",")]


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    *modifiers, last = key.split("+")
    return set(modifiers) <= _MODIFIERS and (last in _NAMED or len(last) == 1 or len(format_key(last)) == 1)


def _shared(here: Iterable[Key], screen: str) -> set[str]:
    """Keys that a screen and a widget in it both have, the widget's being first: as it was made, so it may stay."""
    sides: tuple[set[str], set[str]] = (set(), set())
    for one in here:
        sides[one.owner == screen].update(map(shown, one.keys))
    return sides[0] & sides[1]


def _clash(wishes: Mapping[str, str], known: Iterable[Key]) -> dict[str, str]:
    """The first wish for a key that something else has, in a place where both can be pressed."""
    everywhere = [key for key in known if key.place == EVERYWHERE]
    for place in PLACES:
        here = [*everywhere, *(key for key in known if key.place == place)]
        shared = _shared(here, PLACES[place][0].__name__)
        for name, keys in wishes.items():
            if name not in {key.name for key in here}:
                continue
            wanted = {shown(key) for key in _split(keys)}
            own = {key.owner for key in here if key.name == name}
            for other in here:
                taken = {shown(key) for key in (_split(wishes[other.name]) if other.name in wishes else other.keys)}
                if other.owner not in own:
                    taken -= shared
                if other.name != name and wanted & taken:
                    return {name: f"{keys!r} is {other.text.lower()} ({other.place})"}
    return {}
