"""What this node has of corosync.conf: the file in place, the staged one, former ones; and what may replace what.

Blocks. Decides only what concerns this node's file alone: nothing with lint errors is handed out, kept or put in
place, and what never was the cluster's is not written over, unless an operator wants it so. Knows neither corosync nor
the other nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.diff import diff
from coroctl.conf.document import Document
from coroctl.conf.files import load
from coroctl.conf.plain import quoted
from coroctl.daemon import authors
from coroctl.daemon.history import FOUND, History
from coroctl.daemon.identities import identity_of, insist_sound
from coroctl.daemon.pull_wire import Pulled, Told
from coroctl.daemon.staging import File, Shelf
from coroctl.errors import ConfigError, CoroctlError

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.daemon.authors import Author
    from coroctl.daemon.pull_wire import Question
    from coroctl.daemon.staging import Found
    from coroctl.decision.values import Identity, Staged
    from coroctl.model import NodeId

_SHOWN = 3
"""Settings that differ, in a message."""


class FilesError(CoroctlError):
    """A file operation was refused, or is not possible any more."""


class Placed(NamedTuple):
    """What became of putting a file in place."""

    author: Author | None
    """None: it was there already."""
    problems: tuple[str, ...] = ()
    """What went wrong with the history: it hinders nothing."""


class Holdings:
    """Of one node. Whatever a method raises (a CoroctlError or OSError), it has changed nothing then."""

    def __init__(self, conf: Path, state: Path) -> None:
        self._shelf = Shelf(conf, state)
        self._history = History(state / "conf")

    @property
    def conf(self) -> Path:
        """corosync.conf itself."""
        return self._shelf.conf

    def own(self) -> File:
        """corosync.conf as it is now."""
        return self._shelf.own()

    def is_own(self, identity: Identity) -> bool:
        """Whether corosync.conf is that very file."""
        return self._shelf.is_own(identity)

    def staged(self) -> Found:
        """What is staged on the disk."""
        return self._shelf.staged()

    # Looking

    def locate(self, identity: Identity, candidate: File | None = None) -> File | None:
        """The file, if it is on this node already (or is the candidate)."""
        found = candidate or self._shelf.find(identity)
        if found is None:
            data = self._history.find(identity)
            found = None if data is None else File(identity, data)
        if found is not None:
            insist_sound(found.data, f"corosync.conf {identity}")
        return found

    def answer(self, question: Question, loaded: Identity | None, candidate: File | None) -> Pulled | Told | None:
        """What another node is told. `loaded`: what corosync has; None: that is not known, or not to be followed."""
        known = self._shelf.find(question.own) is not None
        known = known or any(one.identity == question.own for one in self._history.entries())
        if question.wanted is None:
            return None if loaded is None else Told(loaded, self.was_the_clusters(loaded), known)
        file = self.locate(question.wanted, candidate)
        return None if file is None else Pulled(file.data, known, file.actor)

    def was_the_clusters(self, identity: Identity) -> bool:
        """Whether it came here as the cluster's, as far as this node remembers."""
        return any(one.identity == identity and one.actor != FOUND for one in self._history.entries())

    # Whether a file may replace this node's

    def insist_may_follow(self, own: Identity, wanted: Identity) -> None:
        """Not another one of the same version: which one is right is for people to say. Blocks not."""
        if own.version == wanted.version and own != wanted:
            raise FilesError(
                f"{self.conf} is another file of version {wanted.version} than the cluster's: compare them"
                " (coroctl conf diff), and let this node take the cluster's (coroctl conf adopt)"
            )

    def examined(self, wanted: Identity, pulled: Pulled, source: NodeId, own: File | None) -> File:
        """What came: is it what was asked for, could it be loaded, may it replace `own` (None: an operator says so)?"""
        if identity_of(pulled.data) != wanted:
            raise FilesError(f"node {source} handed out another file than {wanted}")
        insist_sound(pulled.data, f"corosync.conf of node {source}")
        if own is not None and not pulled.known and not self.was_the_clusters(own.identity):
            raise FilesError(
                f"{self.conf} never was the cluster's, and is not written over ({_difference(own, pulled)}):"
                " compare them (coroctl conf diff), and let this node take the cluster's (coroctl conf adopt)"
            )
        return File(wanted, pulled.data, pulled.actor or f"fetched from node {source}")

    # Changing

    def put_aside(self, staged: Staged, candidate: File | None) -> None:
        """Stage it, durably."""
        file = None if staged.identity is None else self.locate(staged.identity, candidate)
        if staged.identity is not None and file is None:
            raise FilesError(f"{staged.identity} is not on this node any more")
        self._shelf.stage(staged, file)

    def put_in_place(self, identity: Identity, candidate: File | None) -> Placed:
        """As corosync.conf, durably."""
        file = self.locate(identity, candidate)
        if file is None:
            raise FilesError(f"{identity} is not on this node any more")
        if self._shelf.is_own(identity):
            return Placed(None)
        problems = [self._keep_former()]
        self._shelf.install(file)
        author = authors.read(file.actor or "a file of the cluster's")
        problems.append(self._keep(file.data, str(author)))
        return Placed(author, tuple(filter(None, problems)))

    def remember(self, identity: Identity) -> str:
        """Into the history, if it is in place: nodes that have it still may follow when this one has moved on.

        Why not, if it cannot be.
        """
        return self._keep_former() if self._shelf.is_own(identity) else ""

    def _keep_former(self) -> str:
        try:
            return self._keep(load(self._shelf.conf), FOUND)
        except ConfigError as error:
            return f"the former file is not in the history: {error}"

    def _keep(self, data: bytes, actor: str) -> str:
        """Into the history; why not, if it cannot be."""
        try:
            self._history.keep(data, actor)
        except (ConfigError, OSError) as error:
            return f"the history of configuration files is not complete: {error}"
        return ""


def _difference(own: File, pulled: Pulled) -> str:
    """The settings that differ, shortened, for one line."""
    changes = diff(Document.parse(own.data), Document.parse(pulled.data)).changes
    shown = [f"{one.key}: {_value(one.before)} -> {_value(one.after)}" for one in changes[:_SHOWN]]
    if len(changes) > _SHOWN:
        shown.append(f"and {len(changes) - _SHOWN} more")
    return ", ".join(shown) or "only comments, order or layout differ"


def _value(value: str | None) -> str:
    return "(not given)" if value is None else quoted(value, 40)
