"""What corosync's cmap holds once it has started with a file: the one reading of values that all others use.

Follows corosync 3.1.7 also where it surprises; a differential test holds it against the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.scan import Kind
from coroctl.conf.schema import INTEGERS, SECTIONS, integer, key_of

if TYPE_CHECKING:
    from coroctl.conf.document import Document

_INTERFACE = "totem.interface"
_NODE = "nodelist.node"
_NAMED = ("logging.logger_subsys", "logging.logging_daemon")
_KEY_ONLY = frozenset({_NODE, "uidgid", "resources", *(path for path in SECTIONS if path.startswith("resources."))})
"""Sections whose keys corosync knows also when they stand in an unknown section inside."""


def stored(document: Document) -> dict[str, str | int]:
    """cmap's keys and values: numbers where corosync keeps numbers.

    Left out is what it adds of itself (``nodelist.local_node_pos``, the runtime keys). With a
    nodelist it replaces ``totem.interface.N.bindnetaddr``, and it looks names in uidgid up.
    """
    reader = _Reader()
    for line in document.lines:
        match line.kind:
            case Kind.OPEN:
                reader.open(line.name)
            case Kind.ITEM:
                reader.item(line.name, line.value)
            case Kind.CLOSE:
                reader.close()
            case Kind.IGNORED | Kind.BAD:
                pass
    if reader.keys.get("totem.transport") in {"udp", "udpu"}:
        reader.generate_nodeids()
    return reader.keys


class _Reader:
    """Follows the file line by line, as corosync does: nested sections inherit the state of the outer one."""

    def __init__(self) -> None:
        self.keys: dict[str, str | int] = {}
        self.stack = [("", "")]
        """Path of each open section, and the known section whose rules hold in it."""
        self.position = 0
        self.pending: list[tuple[str, str]] = []
        self.members: list[str] = []

    def open(self, name: str) -> None:
        path, state = self.stack[-1]
        path = f"{path}.{name}" if path else name
        if path in SECTIONS:
            state = path
        if path == "nodelist":
            # Positions start again: the nodes of a second nodelist write over those of the first.
            self.position = 0
        if path in {_INTERFACE, *_NAMED}:
            self.pending = []
        if path == _INTERFACE:
            self.members = []
        self.stack.append((path, state))

    def close(self) -> None:
        if len(self.stack) == 1:
            return
        _, state = self.stack.pop()
        if state == _NODE:
            # Also at the end of a section inside the node: what follows it is taken for the next node.
            self.position += 1
        elif state == _INTERFACE:
            self._close_interface()
        elif state in _NAMED:
            self._close_named(state)

    def item(self, key: str, value: str) -> None:
        path, state = self.stack[-1]
        if state == _NODE:
            self._store(_NODE, f"{_NODE}.{self.position}.{key}", key, value)
        elif state == "totem.interface.member":
            self.members.append(value)
        elif state in _NAMED or _is_link_key(path, key):
            self.pending.append((key, value))
        elif state == "uidgid":
            self._store_uidgid(key, value)
        else:
            known = path == state or state in _KEY_ONLY
            self._store(state if known else "", f"{path}.{key}" if path else key, key, value)

    def generate_nodeids(self) -> None:
        """A node without one gets its IPv4 address as a number; knet refuses such a node instead."""
        keep_high_bit = self.keys.get("totem.clear_node_high_bit") != "yes"
        for path, value in list(self.keys.items()):
            if path.startswith(f"{_NODE}.") and path.endswith(".ring0_addr"):
                nodeid = path.removesuffix("ring0_addr") + "nodeid"
                made = _address_number(str(value)) & (0xFFFFFFFF if keep_high_bit else 0x7FFFFFFF)
                if not self.keys.get(nodeid) and made:
                    self.keys[nodeid] = made

    def _store(self, section: str, path: str, key: str, value: str) -> None:
        known = key_of(section, key)
        found = integer(known, value) if known and known.type in INTEGERS else None
        self.keys[path] = value if found is None else found

    def _store_uidgid(self, key: str, value: str) -> None:
        if value.isascii() and value.isdigit():
            self.keys[f"uidgid.config.{key}.{int(value)}"] = 1

    def _close_interface(self) -> None:
        pending = dict(self.pending)
        link = pending.pop("linknumber", "0")
        prefix = f"{_INTERFACE}.{int(link) if link.isdigit() else 0}"
        for key, value in pending.items():
            self._store(_INTERFACE, f"{prefix}.{key}", key, value)
        # corosync puts each member before the others.
        for number, member in enumerate(reversed(self.members)):
            self.keys[f"{prefix}.member.{number}"] = member
        self.pending = []
        self.members = []

    def _close_named(self, state: str) -> None:
        prefix, pending = _named_prefix(state, dict(self.pending))
        # Put in last first, so that of a key that stands here twice the first wins, unlike everywhere else.
        for key, value in reversed(self.pending):
            if key in pending:
                self.keys[f"{prefix}.{key}"] = value
        for key in ("subsys", "name"):
            if key in pending and prefix != "logging":
                self.keys[f"{prefix}.{key}"] = pending[key]
        self.pending = []


def _address_number(address: str) -> int:
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        return 0
    numbers = [int(part) for part in parts]
    return int.from_bytes(bytes(numbers), "big") if max(numbers) < 256 else 0


def _is_link_key(path: str, key: str) -> bool:
    """Whether cmap gets this key with the number of its link in the name."""
    return path == _INTERFACE and key in SECTIONS[_INTERFACE] and key != "ringnumber"


def _named_prefix(state: str, pending: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where the keys of a logger_subsys or logging_daemon go, and which go there."""
    subsys = pending.get("subsys")
    name = pending.get("name", "")
    if state == "logging.logger_subsys":
        return f"{state}.{subsys or ''}", pending
    keys = {key: value for key, value in pending.items() if key != "name"}
    if name == "corosync":
        return ("logging" if subsys is None else f"logging.logger_subsys.{subsys}"), keys
    return f"{state}.{name}" if subsys is None else f"{state}.{name}.{subsys}", pending
