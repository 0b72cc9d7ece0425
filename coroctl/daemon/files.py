"""What the core asks for about corosync.conf, carried out: edit, fetch, stage, load.

Each request ends in exactly one event, in bounded time. What blocks (disk, lint, corosync) is done on one worker
thread, one thing after the other; the network on the loop. What may replace what is the holdings' to say.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar

from coroctl.conf.plain import plain
from coroctl.daemon import authors
from coroctl.daemon.authors import Author
from coroctl.daemon.editing import edited, restored
from coroctl.daemon.holdings import FilesError, Holdings
from coroctl.daemon.identities import identity_of, insist_sound
from coroctl.daemon.pull import PullError
from coroctl.daemon.reloading import Reloader, approve
from coroctl.daemon.staging import File
from coroctl.decision.events import ConfigurationLoaded, FileEdited, FileFailed, FileFetched, FileStaged
from coroctl.decision.messages import Verb
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from coroctl.daemon.pull import PullClient
    from coroctl.daemon.pull_wire import Pulled, Question, Told
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
        self._loaded: Identity | None = None
        self._state = Path(state_dir)
        self._holdings = Holdings(Path(conf_path), self._state)
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
        return self._holdings.staged()

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

    def has_loaded(self, identity: Identity | None) -> None:
        """What corosync has, by whoever's hand: other nodes are told so from now on, and its file is in the history.

        None: nothing that is to be followed. On the loop, after every step: it costs nothing if nothing is new.
        """
        if identity == self._loaded:
            return
        self._loaded = identity
        if identity is not None:
            self._start(self._keep(identity))

    async def in_place(self) -> bytes:
        """corosync.conf as it is on the disk. ConfigError if it cannot be read."""
        return (await self._beside(self._holdings.own)).data

    async def find(self, wanted: Identity, within_s: float | None = None) -> bytes:
        """A file that is, or was, in force: from this node's history, else from another node's. CoroctlError."""
        here = await self._beside(self._holdings.locate, wanted, self._candidates.get(wanted))
        if here is not None:
            return here.data
        own = await self._beside(self._holdings.own)
        try:
            pulled = await self._pull.find(wanted, own.identity, within_s)
        except PullError as error:
            raise FilesError(f"{wanted} is neither in this node's history, nor in another one's: {error}") from error
        if identity_of(pulled.data) != wanted:
            raise FilesError(f"another file than {wanted} was handed out")
        return pulled.data

    async def serve(self, question: Question) -> Pulled | Told | None:
        """Another node's question; for PullServer."""
        candidate = None if question.wanted is None else self._candidates.get(question.wanted)
        return await asyncio.to_thread(self._holdings.answer, question, self._loaded, candidate)

    async def close(self) -> None:
        """Tell nothing more. What the worker has begun is brought to its end in bounded time."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._worker.shutdown(wait=False, cancel_futures=True)

    # One at a time

    def _begin(self, number: int, work: Coroutine[Any, Any, Event]) -> None:
        self._start(self._carry_out(number, work))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
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

    async def _keep(self, identity: Identity) -> None:
        problem = await self._beside(self._holdings.remember, identity)
        if problem:
            self._warn(problem)

    # On the loop: what becomes of each action

    async def _edit(self, action: EditFile) -> Event:
        former = await self.find(action.edit.former) if action.edit.verb is Verb.RESTORE else b""
        file, settings = await self._beside(self._make, action.edit, action.base, former)
        self._remember(file)
        return FileEdited(action.number, file.identity, settings)

    async def _fetch(self, action: FetchFile) -> Event:
        holdings, wanted = self._holdings, action.identity
        here = await self._beside(holdings.locate, wanted, self._candidates.get(wanted))
        if here is None:
            own = await self._beside(holdings.own)
            if not action.adopted:
                holdings.insist_may_follow(own.identity, wanted)
            pulled = await self._pull.pull(action.source, wanted, own.identity)
            here = await self._beside(holdings.examined, wanted, pulled, action.source, None if action.adopted else own)
        self._remember(here)
        return FileFetched(action.number, wanted)

    async def _stage(self, action: StageFile) -> Event:
        identity = action.staged.identity
        candidate = None if identity is None else self._candidates.get(identity)
        await self._beside(self._holdings.put_aside, action.staged, candidate)
        return FileStaged(action.number, action.staged)

    async def _load(self, action: LoadFile) -> Event:
        candidate = self._candidates.get(action.identity)
        placed = await self._beside(self._holdings.put_in_place, action.identity, candidate)
        if placed.author is not None:
            self._changed(action.identity, placed.author)
        for problem in placed.problems:
            self._warn(problem)
        settings = await self._beside(self._put_in_force, action.identity)
        return ConfigurationLoaded(settings)

    # On the worker

    def _make(self, edit: Edit, base: Identity, former: bytes) -> tuple[File, Settings]:
        conf, own = self._holdings.conf, self._holdings.own()
        if own.identity != base:
            raise FilesError(
                f"{conf} was changed by hand and is not what corosync has loaded:"
                f" load it (corosync-cfgtool -R), or put the former one back ({self._state / 'conf'})"
            )
        data = restored(own.data, former, str(conf)) if former else edited(own.data, edit, str(conf))
        insist_sound(data, str(conf))
        with NamedTemporaryFile(dir=self._state, prefix="candidate-", suffix=".conf") as copy:
            copy.write(data)
            copy.flush()
            approve(Path(copy.name))
        return File(identity_of(data), data, _actor(edit, self._node)), self._settings_of(data)

    def _put_in_force(self, identity: Identity) -> Settings:
        """corosync reads its file again. Only for one that is in place: what is there was linted before it was put."""
        own = self._holdings.own()
        if own.identity == identity:
            insist_sound(own.data, str(self._holdings.conf))
            self._reloader.reload(identity.version)
        if not self._holdings.is_own(identity):
            raise FilesError(f"{self._holdings.conf} was changed by hand while it was loaded")
        return self._settings_of(own.data)


def _actor(edit: Edit, node: NodeId) -> str:
    """Who changed what, for the log and the history of every node."""
    match edit.verb:
        case Verb.PRIORITY | Verb.PROMOTE:
            what = f"{edit.verb.value} of node {edit.node} to {edit.value}"
        case Verb.SUSPEND | Verb.RESUME | Verb.NODE_REMOVE:
            what = f"{edit.verb.value} {edit.node}"
        case Verb.NODE_ADD:
            what = f"{edit.verb.value} {edit.node} ({edit.text})"
        case Verb.RESTORE:
            what = f"{edit.verb.value} {edit.former}"
        case _:
            what = edit.verb.value
    if not edit.request:
        return Author(what, f"node {node} itself").text
    return authors.read(edit.actor)._replace(what=what, request=edit.request).text
