"""The file that lint's rules look at, indexed: dozens of rules ask a file of thousands of sections for the same."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.addresses import address
from coroctl.conf.schema import LINKS

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from coroctl.conf.cluster import Cluster
    from coroctl.conf.document import Document, Entry, Section
    from coroctl.conf.finding import LocalFacts

_LINK_KEYS = tuple(f"ring{link}_addr" for link in range(LINKS))


class Link(NamedTuple):
    """One link address of a node."""

    number: int
    line: int
    value: str
    address: IPv4Address | IPv6Address | None
    """None for a host name."""
    same: str
    """One spelling for all spellings of it."""


class Node:
    """One node section."""

    def __init__(self, section: Section) -> None:
        self.line = section.line
        self.entries = section.entries
        # The last one of a key wins, as in Section.get.
        self._keys = {entry.key: entry for entry in section.entries}
        given = ((number, self._keys[key]) for number, key in enumerate(_LINK_KEYS) if key in self._keys)
        self.links = tuple(_link(number, entry) for number, entry in given if entry.value)

    def entry(self, key: str) -> Entry | None:
        """The line that decides a key's value."""
        return self._keys.get(key)

    def get(self, key: str) -> str | None:
        """Value of one of its keys."""
        entry = self._keys.get(key)
        return None if entry is None else entry.value


def _link(number: int, entry: Entry) -> Link:
    found = address(entry.value)
    return Link(number, entry.line, entry.value, found, str(found or entry.value.lower()))


class Subject:
    """The file. What is asked for by path is found as in ``Document``."""

    def __init__(self, data: bytes, document: Document, cluster: Cluster, facts: LocalFacts | None) -> None:
        self.data = data
        self.document = document
        self.cluster = cluster
        self.facts = facts

    @cached_property
    def ours(self) -> bool:
        """Whether a corolistener is meant to run here; a plain cluster is not asked for our keys."""
        return self.cluster.listener.present or bool(self.sections("ihttpd"))

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The node sections; ``cluster.nodes`` are what corosync makes of them."""
        return tuple(map(Node, self.sections("nodelist.node")))

    @cached_property
    def walk(self) -> tuple[Section, ...]:
        """The whole file and all sections, in the order of the file."""
        return tuple(self.document.root.walk())

    @cached_property
    def _sections(self) -> dict[str, list[Section]]:
        found: dict[str, list[Section]] = {}
        for section in self.walk[1:]:
            found.setdefault(section.path, []).append(section)
        return found

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in sorted(self.document.entries(), key=lambda entry: entry.at)}

    def sections(self, path: str) -> list[Section]:
        """Sections by their path."""
        return self._sections.get(path, [])

    def get(self, path: str) -> str | None:
        """Value of ``section.key``."""
        entry = self._entries.get(path)
        return None if entry is None else entry.value

    def line(self, path: str) -> int:
        """Where a key stands; else its section; else 0."""
        entry = self._entries.get(path)
        if entry is not None:
            return entry.line
        found = self.sections(path.rpartition(".")[0])
        return found[-1].line if found else 0
