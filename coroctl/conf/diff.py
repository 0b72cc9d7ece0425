"""The difference of two files: by settings, with nodes told apart by their nodeid, and by lines."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.cluster import read_cluster
from coroctl.conf.plain import plain
from coroctl.conf.stored import stored

if TYPE_CHECKING:
    from coroctl.conf.document import Document


class Change(NamedTuple):
    """One setting that differs. None: not given."""

    key: str
    """As in cmap, but ``node 7: prio`` for the keys of a node."""
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.key}: {_value(self.before)} -> {_value(self.after)}"


class Difference(NamedTuple):
    """What differs. All texts may be shown as they are."""

    identical: bool
    """Byte for byte."""
    changes: tuple[Change, ...]
    """Empty where only comments, order or layout differ."""
    lines: tuple[str, ...]
    """A unified diff."""


def diff(before: Document, after: Document) -> Difference:
    """Compare two files."""
    old, new = before.render(), after.render()
    lines = unified(old, new, before.file, after.file)
    return Difference(old == new, _changes(_settings(before), _settings(after)), lines)


def unified(old: bytes, new: bytes, old_name: str, new_name: str) -> tuple[str, ...]:
    """A unified diff of two files, whatever is in them; its lines may be shown as they are."""
    return tuple(unified_diff(_shown(old), _shown(new), plain(old_name), plain(new_name), lineterm=""))


def in_lines(found: Difference) -> list[str]:
    """For people: settings first, then lines."""
    settings = [str(change) for change in found.changes] or ["no setting differs, only comments, order or layout"]
    return ["the files are the same"] if found.identical else [*settings, "", *found.lines]


def _value(value: str | None) -> str:
    return "(not given)" if value is None else value or "(empty)"


def _changes(old: dict[str, str], new: dict[str, str]) -> tuple[Change, ...]:
    keys = sorted(old.keys() | new.keys())
    return tuple(Change(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key))


def _settings(document: Document) -> dict[str, str]:
    names = _node_names(document)
    settings = {}
    for path, value in stored(document).items():
        parts = path.split(".", 3)
        if parts[:2] == ["nodelist", "node"] and len(parts) == 4 and parts[2] in names:
            path = f"{names[parts[2]]}: {parts[3]}"
        settings[plain(path)] = plain(str(value))
    return settings


def _node_names(document: Document) -> dict[str, str]:
    """What each position of the nodelist is called: by nodeid, so that the order does not matter."""
    return {
        str(node.position): f"node {node.nodeid or node.name or node.address}" for node in read_cluster(document).nodes
    }


def _shown(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return ["\t".join(map(plain, line.split("\t"))) for line in lines]
