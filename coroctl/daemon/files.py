"""What the core asks for about corosync.conf, carried out: edit, fetch, stage, load.

Each request ends in exactly one event, in bounded time. What blocks (disk, lint, corosync) is done on one worker
thread, one thing after the other; the network on the loop. Decides only what concerns this node's file alone: nothing
with lint errors is handed out, kept or loaded, and a file that never was the cluster's is not written over.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar

from coroctl.conf.diff import diff
from coroctl.conf.document import Document
from coroctl.conf.files import load
from coroctl.conf.plain import plain, quoted
from coroctl.daemon import authors
from coroctl.daemon.authors import Author
from coroctl.daemon.editing import edited
from coroctl.daemon.history import FOUND, History
from coroctl.daemon.identities import identity_of, insist_sound
from coroctl.daemon.pull import Pulled
from coroctl.daemon.reloading import Reloader, approve
from coroctl.daemon.staging import File, Shelf
from coroctl.decision.events import ConfigurationLoaded, FileEdited, FileFailed, FileFetched, FileStaged
from coroctl.decision.messages import Verb
from coroctl.errors import ConfigError, CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from coroctl.daemon.pull import PullClient, Question
    from coroctl.daemon.staging import Found
    from coroctl.decision.actions import EditFile, FetchFile, LoadFile, StageFile
    from coroctl.decision.events import Event
    from coroctl.decision.messages import Edit
    from coroctl.decision.settings import Settings
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

T = TypeVar("T")
CANDIDATES = 4
"""Files that are only in memory: edited or fetched, and not staged."""
_SHOWN = 3
"""Settings that differ, in a message."""


class FilesError(CoroctlError):
    """A file operation was refused, or is not possible any more."""


class Files:
    """The configuration file of this node. `tell`, `warn` and `changed` are called on the loop's thread.

    `changed` is told of each file that replaces another one here, before corosync reads it, and of who made it.
    """

    def __init__(
        self,
        conf_path: str | Path,
        state_dir: str | Path,
        node: NodeId,
        tell: Callable[[Event], None],
        settings_of: Callable[[bytes], Settings],
        pull: PullClient,
        warn: Callable[[str], None],
        changed: Callable[[Identity, Author], None] = lambda _identity, _author: None,
    ) -> None:
        self._shelf = Shelf(Path(conf_path), Path(state_dir))
        self._state = Path(state_dir)
        self._history = History(Path(state_dir) / "conf")
        self._node = node
        self._tell = tell
        self._settings_of = settings_of
        self._pull = pull
        self._warn = warn
        self._changed = changed
        self._reloader = Reloader()
        self._candidates: dict[Identity, File] = {}
        self._worker = ThreadPoolExecutor(1, "files")
        self._tasks: set[asyncio.Task[None]] = set()

    def staged(self) -> Found:
        """What is staged on the disk. Blocks: for the start, before the loop has anything to do."""
        return self._shelf.staged()

    def edit(self, action: EditFile) -> None:
        """Begin; ends in FileEdited or FileFailed."""
        self._begin(action.number, self._edit(action))

    def fetch(self, action: FetchFile) -> None:
        """Begin; ends in FileFetched or FileFailed."""
        self._begin(action.number, self._fetch(action))

    def stage(self, action: StageFile) -> None:
        """Begin; ends in FileStaged or FileFailed."""
        self._begin(action.number, self._stage(action))

    def load(self, action: LoadFile) -> None:
        """Begin; ends in ConfigurationLoaded or FileFailed."""
        self._begin(action.number, self._load(action))

    async def serve(self, question: Question) -> Pulled | None:
        """Another node's question: exactly the file that it wants, if that is here; for PullServer."""
        return await asyncio.to_thread(self._look_up, question, self._candidates.get(question.wanted))

    async def close(self) -> None:
        """Tell nothing more. What the worker has begun is brought to its end in bounded time."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._worker.shutdown(wait=False, cancel_futures=True)

    # One at a time

    def _begin(self, number: int, work: Coroutine[Any, Any, Event]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(number, work))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with suppress(asyncio.CancelledError):
            # An error that nobody expected goes to the loop's exception handler now, not when the task is collected.
            task.result()

    async def _carry_out(self, number: int, work: Coroutine[Any, Any, Event]) -> None:
        try:
            event = await work
        except (CoroctlError, OSError) as error:
            event = FileFailed(number, plain(" ".join(str(error).split())))
        self._tell(event)

    async def _beside(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, function, *arguments)

    def _remember(self, file: File) -> None:
        self._candidates.pop(file.identity, None)
        self._candidates[file.identity] = file
        while len(self._candidates) > CANDIDATES:
            del self._candidates[next(iter(self._candidates))]

    # On the loop: what becomes of each action

    async def _edit(self, action: EditFile) -> Event:
        file, settings = await self._beside(self._make, action.edit, action.base)
        self._remember(file)
        return FileEdited(action.number, file.identity, settings)

    async def _fetch(self, action: FetchFile) -> Event:
        here = await self._beside(self._locate, action.identity, self._candidates.get(action.identity))
        if here is None:
            own = await self._beside(self._may_follow, action.identity)
            pulled = await self._pull.pull(action.source, action.identity, own.identity)
            here = await self._beside(self._examine, action.identity, pulled, own, action.source)
        self._remember(here)
        return FileFetched(action.number, action.identity)

    async def _stage(self, action: StageFile) -> Event:
        identity = action.staged.identity
        candidate = None if identity is None else self._candidates.get(identity)
        await self._beside(self._put_aside, action, candidate)
        return FileStaged(action.number, action.staged)

    async def _load(self, action: LoadFile) -> Event:
        candidate = self._candidates.get(action.identity)
        author, problems = await self._beside(self._put_in_place, action.identity, candidate)
        if author is not None:
            self._changed(action.identity, author)
        for problem in problems:
            self._warn(problem)
        settings = await self._beside(self._put_in_force, action.identity)
        return ConfigurationLoaded(settings)

    # On the worker

    def _make(self, edit: Edit, base: Identity) -> tuple[File, Settings]:
        own = self._shelf.own()
        if own.identity != base:
            raise FilesError(
                f"{self._shelf.conf} was changed by hand and is not what corosync has loaded:"
                f" load it (corosync-cfgtool -R), or put the former one back ({self._state / 'conf'})"
            )
        data = edited(own.data, edit, str(self._shelf.conf))
        insist_sound(data, str(self._shelf.conf))
        with NamedTemporaryFile(dir=self._state, prefix="candidate-", suffix=".conf") as copy:
            copy.write(data)
            copy.flush()
            approve(Path(copy.name))
        return File(identity_of(data), data, _actor(edit, self._node)), self._settings_of(data)

    def _locate(self, identity: Identity, candidate: File | None) -> File | None:
        """The file, if it is on this node already."""
        found = candidate or self._shelf.find(identity)
        if found is None:
            data = self._history.find(identity)
            found = None if data is None else File(identity, data)
        if found is not None:
            insist_sound(found.data, f"corosync.conf {identity}")
        return found

    def _may_follow(self, wanted: Identity) -> File:
        """This node's file, unless it is another one of the same version: which one is right is for people to say."""
        own = self._shelf.own()
        if own.identity.version == wanted.version:
            raise FilesError(
                f"{self._shelf.conf} is another file of version {wanted.version} than the cluster's: compare them"
                " (coroctl conf diff), copy the cluster's over it, and restart corolistener"
            )
        return own

    def _examine(self, wanted: Identity, pulled: Pulled, own: File, source: NodeId) -> File:
        """What came: is it what was asked for, could it be loaded, may it replace this node's file?"""
        if identity_of(pulled.data) != wanted:
            raise FilesError(f"node {source} handed out another file than {wanted}")
        insist_sound(pulled.data, f"corosync.conf of node {source}")
        if not pulled.known and not self._was_the_clusters(own.identity):
            raise FilesError(
                f"{self._shelf.conf} never was the cluster's, and is not written over ({_difference(own, pulled)}):"
                " compare them (coroctl conf diff), copy the cluster's over it, and reload (corosync-cfgtool -R)"
            )
        return File(wanted, pulled.data, pulled.actor or f"fetched from node {source}")

    def _was_the_clusters(self, identity: Identity) -> bool:
        return any(one.identity == identity and one.actor != FOUND for one in self._history.entries())

    def _put_aside(self, action: StageFile, candidate: File | None) -> None:
        identity = action.staged.identity
        file = None if identity is None else self._locate(identity, candidate)
        if identity is not None and file is None:
            raise FilesError(f"{identity} is not on this node any more")
        self._shelf.stage(action.staged, file)

    def _put_in_place(self, identity: Identity, candidate: File | None) -> tuple[Author | None, list[str]]:
        """As corosync.conf, durably; its author, if it was not there already.

        What went wrong with the history is told, and hinders nothing.
        """
        file = self._locate(identity, candidate)
        if file is None:
            raise FilesError(f"{identity} is not on this node any more")
        if self._shelf.is_own(identity):
            return None, []
        problems = [self._keep_former()]
        self._shelf.install(file)
        author = authors.read(file.actor or "a file of the cluster's")
        return author, [one for one in (*problems, self._keep(file.data, str(author))) if one]

    def _put_in_force(self, identity: Identity) -> Settings:
        """corosync reads its file again. Only for one that is in place: what is there was linted before it was put."""
        own = self._shelf.own()
        if own.identity == identity:
            insist_sound(own.data, str(self._shelf.conf))
            self._reloader.reload(identity.version)
        if not self._shelf.is_own(identity):
            raise FilesError(f"{self._shelf.conf} was changed by hand while it was loaded")
        return self._settings_of(own.data)

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

    # On any thread

    def _look_up(self, question: Question, candidate: File | None) -> Pulled | None:
        file = self._locate(question.wanted, candidate)
        if file is None:
            return None
        known = self._shelf.find(question.own) is not None
        known = known or any(one.identity == question.own for one in self._history.entries())
        return Pulled(file.data, known, file.actor)


def _actor(edit: Edit, node: NodeId) -> str:
    """Who changed what, for the log and the history of every node."""
    match edit.verb:
        case Verb.PRIORITY | Verb.PROMOTE:
            what = f"{edit.verb.value} of node {edit.node} to {edit.value}"
        case Verb.SUSPEND | Verb.RESUME | Verb.NODE_ADD | Verb.NODE_REMOVE:
            what = f"{edit.verb.value} {edit.node}"
    if not edit.request:
        return Author(what, f"node {node} itself").text
    return authors.read(edit.actor)._replace(what=what, request=edit.request).text


def _difference(own: File, pulled: Pulled) -> str:
    """The settings that differ, shortened, for one line."""
    changes = diff(Document.parse(own.data), Document.parse(pulled.data)).changes
    shown = [f"{one.key}: {_shown(one.before)} -> {_shown(one.after)}" for one in changes[:_SHOWN]]
    if len(changes) > _SHOWN:
        shown.append(f"and {len(changes) - _SHOWN} more")
    return ", ".join(shown) or "only comments, order or layout differ"


def _shown(value: str | None) -> str:
    return "(not given)" if value is None else quoted(value, 40)
