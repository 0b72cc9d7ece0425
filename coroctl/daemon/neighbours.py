"""The other nodes' daemons: datagrams to and from them, files asked of them, and their addresses, looked up.

A ring address may be a name, and looking one up may block for as long as a name server likes: it is done beside the
loop, and what was known stays in use meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.daemon.configuration import link_addresses
from coroctl.daemon.keys import KeyFileError, load_keys
from coroctl.daemon.pull import PullClient, PullError
from coroctl.daemon.pull_server import PullServer
from coroctl.daemon.rendering import Level
from coroctl.daemon.transport import Transport
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from coroctl.daemon.configuration import Loaded
    from coroctl.daemon.keys import Key
    from coroctl.daemon.kit import Note
    from coroctl.daemon.preflight import Ready
    from coroctl.daemon.pull import Question, Reply
    from coroctl.decision.events import Event
    from coroctl.decision.messages import Answer, Request
    from coroctl.decision.values import Heartbeat
    from coroctl.model import NodeId

NAMES_S = 0.5
"""How long a start waits for names to be looked up; numeric addresses need no time."""
LISTEN_AGAIN_S = 5.0
HEARD_US = 1_000_000


class Neighbours:
    """The shell's voice, and the files of others."""

    def __init__(self, ready: Ready, tell: Callable[[Event], None], note: Note) -> None:
        self._node = ready.node
        self._keys = ready.keys
        self._keyfile = ready.loaded.cluster.listener.keyfile
        self._cluster_name = ready.loaded.cluster.cluster_name
        self._tell = tell
        self._note = note
        self._transport: Transport | None = None
        self._wanted = ready.loaded
        """Whose addresses are looked up, or in use."""
        self._listed: Mapping[NodeId, tuple[str, ...]] = {}
        """Link addresses of the nodes of the loaded file."""
        self._known: dict[NodeId, tuple[str, ...]] = {}
        """Of every node that was ever listed in this life."""
        self._voters: frozenset[NodeId] = frozenset()
        self._links: Mapping[NodeId, tuple[str, ...]] = {}
        """Those that are spoken to and heard."""
        self._port = ready.loaded.cluster.listener.port
        self.pull = PullClient(self._keys, self._cluster_name)
        self._server: PullServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # Beginning and end

    def speak_as(self, incarnation: int) -> None:
        """Who this life is; nothing is sent or received before `begin`."""
        self._transport = Transport(
            self._keys, self._cluster_name, self._node, incarnation, self._tell, self._warn_of_node
        )

    async def begin(self, loaded: Loaded) -> None:
        """Look the addresses up and use them; names that are slow to be found are used when they are found."""
        looking = self._begin_task(self._look_up(loaded))
        await asyncio.wait({looking}, timeout=NAMES_S)

    def configure(self, loaded: Loaded) -> None:
        """Another list of nodes. (Port and key are those of this daemon's start.)"""
        self._begin_task(self._look_up(loaded))

    def keep(self, voters: frozenset[NodeId]) -> None:
        """Nodes of the former lists that still count (L16): a master that is removed has its role to hand over."""
        if voters != self._voters:
            self._voters = voters
            self._use()

    async def reread_keys(self) -> None:
        """The key file may have changed. Nothing that is under way is interrupted; an unusable one changes nothing."""
        try:
            keys = await asyncio.to_thread(load_keys, self._keyfile)
        except KeyFileError as error:
            self._note(Level.WARNING, "keys-unusable", why=str(error))
            return
        self._change_keys(keys)
        prints = " ".join(key.fingerprint for key in keys)
        self._note(Level.NOTICE, "keys", file=self._keyfile, fingerprints=prints)

    def _change_keys(self, keys: tuple[Key, ...]) -> None:
        self._keys = keys
        self.pull.change_keys(keys)
        if self._transport is not None:
            self._transport.change_keys(keys)
        if self._server is not None:
            self._server.change_keys(keys)

    def serve(self, answer: Callable[[Question], Awaitable[Reply]]) -> None:
        """Hand out files from now on."""
        self._server = PullServer(self._keys, self._cluster_name, answer)
        self._server.configure(self._links)
        self._begin_task(self._listen(self._server))

    async def close(self) -> None:
        """Neither send nor take anything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            await self._server.close()

    # What the shell asks for

    def send_heartbeat(self, heartbeat: Heartbeat) -> None:
        """To everybody."""
        assert self._transport is not None
        self._transport.send_heartbeat(heartbeat)

    def send_request(self, to: NodeId, request: Request) -> None:
        """To the holder."""
        assert self._transport is not None
        self._transport.send_request(to, request)

    def send_answer(self, to: NodeId, answer: Answer) -> None:
        """To whoever passed the request on."""
        assert self._transport is not None
        self._transport.send_answer(to, answer)

    # For people

    def dropped(self) -> dict[str, int]:
        """Datagrams that were not taken in, by sender and reason."""
        counts = self._transport.counters() if self._transport is not None else {}
        return {f"{who}: {what}": count for (who, what), count in counts.items()}

    def skew_ms(self) -> Mapping[NodeId, int]:
        """Wall clocks of others against ours."""
        return self._transport.skew_ms() if self._transport is not None else {}

    def hearing(self) -> Mapping[NodeId, Mapping[NodeId, int]]:
        """Who hears whom, and how long ago, microseconds."""
        return self._transport.hearing() if self._transport is not None else {}

    def heard(self) -> tuple[NodeId, ...]:
        """Of whom something was taken in during the last second."""
        ages = self.hearing().get(self._node, {})
        return tuple(node for node, age_us in ages.items() if age_us < HEARD_US)

    def troubles(self) -> tuple[str, ...]:
        """Links that cannot be used."""
        missing = self._transport.missing_links() if self._transport is not None else {}
        return tuple(f"link {link} is not usable: {why}" for link, why in missing.items())

    # Within

    def _begin_task(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_up(self, loaded: Loaded) -> None:
        self._wanted = loaded
        listed = await asyncio.to_thread(link_addresses, loaded.cluster)
        self._known.update(listed)
        if loaded is self._wanted:  # else a newer list's names were found sooner
            self._listed = listed
        self._use()

    def _use(self) -> None:
        former = {node: self._known[node] for node in self._voters & self._known.keys()}
        self._links = links = {**former, **self._listed}
        if self._transport is not None:
            self._transport.configure(links, links.get(self._node, ()), self._port)
        self.pull.configure(links, self._port)
        if self._server is not None:
            self._server.configure(links)

    async def _listen(self, server: PullServer) -> None:
        """An address may come later than we do."""
        told = False
        while True:
            try:
                await server.start([one for one in self._links.get(self._node, ()) if one], self._port)
            except PullError as error:
                if not told:
                    self._note(Level.WARNING, "pull", why=str(error))
                told = True
                await asyncio.sleep(LISTEN_AGAIN_S)
            else:
                return

    def _warn_of_node(self, node: NodeId, text: str) -> None:
        who = "this node" if node == self._node else "a stranger" if node == NOBODY else f"node {node}"
        self._note(Level.WARNING, "datagrams", of=who, text=text)
