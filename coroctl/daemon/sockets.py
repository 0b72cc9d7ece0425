"""status.sock and control.sock: who may connect, what each verb does, and what watchers are sent. Also opens
refused.sock (refusals.py), since it goes with the group of control.sock.

The loop that renews the lease serves them too, so everything here is bounded: see limits.py. It knows what is asked,
not what the answers mean: the snapshot, the events and the fate of a change come from whoever made it.
"""

from __future__ import annotations

import asyncio
import grp
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from coroctl.daemon import protocol
from coroctl.daemon.callers import actor_of
from coroctl.daemon.connection import Connection
from coroctl.daemon.doors import Doors
from coroctl.daemon.limits import LIMITS, Limits, Usage
from coroctl.daemon.protocol import Refused, Verb
from coroctl.daemon.refusals import MODE as REFUSED_MODE
from coroctl.daemon.refusals import REFUSED, Refusals
from coroctl.daemon.streams import Events, Pictures, tell_log
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
    from pathlib import Path

    from coroctl.daemon.callers import Actor
    from coroctl.daemon.logs import LogWanted
    from coroctl.daemon.outlook_subject import Seen
    from coroctl.daemon.protocol import Call
    from coroctl.daemon.streams import Journal
    from coroctl.decision.messages import Answer, Edit, Request
    from coroctl.model import NodeId

STATUS, CONTROL = "status.sock", "control.sock"
MODE = 0o660
SHORT_OF_FILES_S = 1.0
"""How long nobody is let in when this process has no file descriptor left."""
BACKLOG = 16
"""Connections taken in one turn of the loop, and kept waiting."""


class Groups(NamedTuple):
    """Whose members may use which socket; one that does not exist leaves it to root."""

    status: str = "coroctl"
    control: str = "coroctl-admin"


GROUPS = Groups()


class Desk(Protocol):
    """Where changes are taken in."""

    async def preflight(self, edit: Edit, seen: Seen | None) -> dict[str, Any]:
        """What a change would lead to."""

    async def ask(self, request: Request, actor: Actor, forced: Collection[str]) -> Answer:
        """Ends when the change has been decided."""

    def denied(self, verb: str, actor: Actor) -> None:
        """A change was asked for where it is not taken."""

    def turned_away(self, verb: str, actor: Actor, user: str, why: str) -> None:
        """See refusals.Desk."""

    def turned_away_more(self, uid: int | None, count: int) -> None:
        """See refusals.Desk."""


class Teller(Protocol):
    """What the nodes tell beside the cluster."""

    def log(self, node: NodeId | None, wanted: LogWanted) -> AsyncGenerator[bytes, None]:
        """A log's pieces, JSON objects in one line each; of this node if none is named."""

    async def hosts(self, nodes: Collection[NodeId]) -> list[dict[str, Any]]:
        """Machines; of this node if none is named."""

    async def conf(self, node: NodeId | None) -> dict[str, Any]:
        """The file that a node has loaded; of this node if none is named."""


class Sockets:
    """Both sockets. `snapshot` is called on the loop."""

    def __init__(
        self,
        directory: Path,
        snapshot: Callable[[], dict[str, Any]],
        desk: Desk,
        teller: Teller,
        journal: Journal,
        groups: Groups = GROUPS,
        limits: Limits = LIMITS,
        machines: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._machines = machines
        self.limits = limits
        self.usage = Usage(limits)
        self.missing_groups: list[str] = []
        """Groups that do not exist: only root can use their socket. Known after `start`."""
        self._doors = Doors(directory)
        self._desk = desk
        self._teller = teller
        self._pictures = Pictures(snapshot, limits)
        self._events = Events(journal, limits)
        self._groups = groups
        self._listeners: dict[socket.socket, bool] = {}
        """And whether it takes changes."""
        self._refusals: Refusals | None = None
        self.connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._followers: dict[Connection, asyncio.Task[None]] = {}
        self._check: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Make the sockets and serve them. OSError if that cannot be done here."""
        gid = 0
        for name, group in ((STATUS, self._groups.status), (CONTROL, self._groups.control)):
            gid = self._gid(group)
            listener = self._doors.open(name, socket.SOCK_STREAM, MODE, gid)
            listener.listen(BACKLOG)
            self._listeners[listener] = name == CONTROL
            self._listen(listener)
        self._refusals = Refusals(self._desk, self._groups.control, gid)
        self._refusals.serve(self._doors.open(REFUSED, socket.SOCK_DGRAM, REFUSED_MODE, 0))

    def ignored(self) -> dict[str, int]:
        """Messages at refused.sock that became no event, by reason."""
        return {
            f"refused.sock {why}": count for why, count in (self._refusals.ignored if self._refusals else {}).items()
        }

    def changed(self) -> None:
        """Something that a snapshot shows has changed: watchers are sent a new one soon."""
        self._pictures.changed()

    @property
    def watched(self) -> bool:
        """Somebody has a stream of snapshots: only then `changed` matters."""
        return bool(self._pictures.watchers)

    async def close(self) -> None:
        """End every connection, and remove the sockets."""
        self._doors.remove()
        if self._refusals is not None:
            await self._refusals.close()
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._listeners.clear()
        for connection in list(self.connections):
            connection.close()
        self._pictures.close()
        if self._check is not None:
            self._check.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The files

    def _gid(self, group: str) -> int:
        try:
            return grp.getgrnam(group).gr_gid
        except KeyError:
            self.missing_groups.append(group)
            return 0

    # Connections come, go, and are looked after

    def _listen(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Whoever waits; without file descriptors they wait on. (asyncio's own server would make that a failure.)"""
        loop = asyncio.get_running_loop()
        for _ in range(BACKLOG):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                loop.remove_reader(listener)
                loop.call_later(SHORT_OF_FILES_S, self._listen, listener)
                return
            self._admit(client, control=self._listeners[listener])

    def _admit(self, client: socket.socket, *, control: bool) -> None:
        client.setblocking(False)
        actor = actor_of(client)
        why = self.usage.admit(actor.uid)
        if why:
            with client, suppress(OSError):
                client.send(protocol.error(Refused("busy", why)))
            return
        loop = asyncio.get_running_loop()
        task = self._keep(loop.create_task(self._begin(client, actor, control=control)))
        task.add_done_callback(lambda done: client.close() if done.cancelled() else None)

    async def _begin(self, client: socket.socket, actor: Actor, *, control: bool) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Connection(self, actor, control=control), client
        )

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def came(self, connection: Connection) -> None:
        """See Hub."""
        self.connections.add(connection)
        if self._check is None:
            self._check_later()

    def went(self, connection: Connection) -> None:
        """See Hub."""
        self.connections.discard(connection)
        self._pictures.forget(connection)
        if follower := self._followers.pop(connection, None):
            follower.cancel()
        self.usage.leave(connection.actor.uid, asyncio.get_running_loop().time())

    def _check_later(self) -> None:
        self._check = asyncio.get_running_loop().call_later(self.limits.half_line_s / 5, self._check_all)

    def _check_all(self) -> None:
        self._check = None
        now = asyncio.get_running_loop().time()
        for connection in list(self.connections):
            connection.check(now)
        if self.connections:
            self._check_later()

    # Verbs

    def take(self, connection: Connection, call: Call) -> None:
        """See Hub."""
        match call.verb:
            case Verb.SNAPSHOT:
                connection.send(protocol.answer_with(call.id, self._pictures.latest()))
            case Verb.ROLES:
                connection.send(protocol.answer(call.id, self._pictures.roles()))
            case Verb.WATCH:
                self._watch(connection, call)
            case Verb.EVENTS:
                self._tell_events(connection, call)
            case Verb.LOG:
                self._tell_log(connection, call)
            case Verb.HOST:
                nodes = protocol.hosts_of(call)
                self._work(connection, call, lambda: self._tell_hosts(connection, call, nodes))
            case Verb.CONF:
                node = protocol.node_of(call)
                self._work(connection, call, lambda: self._tell_conf(connection, call, node))
            case Verb.MACHINES:
                connection.send(protocol.answer(call.id, self._machines()))
            case Verb.PREFLIGHT:
                edit, seen = protocol.plan_of(call)
                self._work(connection, call, lambda: self._tell_outlook(connection, call, edit, seen))
            case _:
                self._change(connection, call)

    def _watch(self, connection: Connection, call: Call) -> None:
        if connection.streaming or connection in self._followers:
            raise Refused("argument", "this connection has a stream already", call.id)
        connection.streaming = True
        self._pictures.watch(connection, call.id)

    def _tell_events(self, connection: Connection, call: Call) -> None:
        wanted = protocol.events_of(call)
        if wanted.follow and (connection.streaming or connection in self._followers):
            raise Refused("argument", "this connection has a stream already", call.id)
        task = self._work(connection, call, lambda: self._events.tell(connection, call.id, wanted))
        if wanted.follow:
            connection.streaming = True
            self._followers[connection] = task

    def _tell_log(self, connection: Connection, call: Call) -> None:
        """Not to its end if the client goes; and one at a time, since a client reads one after the other."""
        node, wanted = protocol.log_of(call)
        if connection in self._followers or connection.streaming:
            raise Refused("argument", "this connection has a stream already", call.id)

        def ended(_: object) -> None:
            self._followers.pop(connection, None)
            connection.streaming = False

        pieces = self._teller.log(node, wanted)
        task = self._work(connection, call, lambda: tell_log(connection, call.id, pieces))
        connection.streaming = wanted.follow
        self._followers[connection] = task
        task.add_done_callback(ended)

    async def _tell_hosts(self, connection: Connection, call: Call, nodes: Collection[NodeId]) -> None:
        connection.send(protocol.answer(call.id, {"hosts": await self._teller.hosts(nodes)}))

    async def _tell_conf(self, connection: Connection, call: Call, node: NodeId | None) -> None:
        connection.send(protocol.answer(call.id, await self._teller.conf(node)))

    def _change(self, connection: Connection, call: Call) -> None:
        actor = connection.actor._replace(claimed=protocol.claimed_of(call))
        if not connection.control:
            self._desk.denied(call.verb.value, actor)
            raise Refused("denied", f"{call.verb.value} is taken at {CONTROL} only", call.id)
        request, forced = protocol.change_of(call), protocol.forced_of(call)
        self._work(connection, call, lambda: self._tell_answer(connection, request, actor, forced))

    async def _tell_outlook(self, connection: Connection, call: Call, edit: Edit, seen: Seen | None) -> None:
        connection.send(protocol.answer(call.id, await self._desk.preflight(edit, seen)))

    async def _tell_answer(
        self, connection: Connection, request: Request, actor: Actor, forced: Collection[str]
    ) -> None:
        answer = await self._desk.ask(request, actor, forced)
        connection.send(protocol.answer(answer.id, {"verdict": answer.verdict.value, "why": answer.why}))

    def _work(
        self, connection: Connection, call: Call, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> asyncio.Task[None]:
        """What takes time goes on beside the loop; a change to its end, even if the client goes."""
        if connection.under_way >= self.limits.unanswered:
            raise Refused("busy", f"{self.limits.unanswered} requests of this connection are under way", call.id)
        connection.under_way += 1
        return self._keep(asyncio.get_running_loop().create_task(self._see_through(connection, call, work)))

    async def _see_through(
        self, connection: Connection, call: Call, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        try:
            await work()
        except Refused as refused:
            connection.send(protocol.error(Refused(refused.code, str(refused), call.id)))
        except (CoroctlError, OSError) as error:
            connection.send(protocol.error(Refused("failed", str(error), call.id)))
        except Exception:
            # A bug: the client need not wait for it, and the loop's handler says so.
            connection.send(protocol.error(Refused("internal", "corolistener failed; its log says more", call.id)))
            raise
        finally:
            connection.answered()
