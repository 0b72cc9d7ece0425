"""Questions to another node's daemon, over TCP: which file it has loaded, the file itself, and how its manager is.

One sealed question and one sealed answer a connection.

Owns the port's listening sockets. Knows neither what is in a file nor where it is kept: who serves is asked for the
bytes, who asks checks them. The answer is sealed for the question's own nonce, so that no old answer fits; a question
that is replayed gets an answer that nobody can use but who asked.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

from coroctl.daemon import pull_wire
from coroctl.daemon.pull_wire import QUESTION_MAX, Closed, Fit, NobodyThere, Pulled, PullError, Question, Reply, Told
from coroctl.daemon.seal import BLOB_MAX, open_blob, seal_blob
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from coroctl.daemon.keys import Key
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

__all__ = ["Fit", "NobodyThere", "PullClient", "PullError", "PullServer", "Pulled", "Question", "Reply", "Told"]

T = TypeVar("T")

PULL_S = 5.0
"""For a whole pull, and for a whole connection at the server."""
CONNECTIONS = 8
_QUESTION = "configuration wanted"
_ANSWER = "configuration for"
_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND of linux/in.h and linux/in6.h: a link's address may come later than the daemon."""


class Failure(Exception):
    """No answer over one link. Never leaves this module."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class PullClient:
    """Asks other nodes' daemons."""

    def __init__(self, keys: Sequence[Key], cluster_name: str) -> None:
        self._keys = keys
        self._cluster_name = cluster_name
        self._peers: Mapping[NodeId, tuple[str, ...]] = {}
        self._port = 0

    def change_keys(self, keys: Sequence[Key]) -> None:
        """The first seals, all of them open, from the next question on."""
        self._keys = keys

    def configure(self, peers: Mapping[NodeId, tuple[str, ...]], port: int) -> None:
        """Numeric link addresses of each node, by link (empty: none), and the cluster's port."""
        self._peers = peers
        self._port = port

    async def pull(self, source: NodeId, wanted: Identity, own: Identity) -> Pulled:
        """The file, not checked but for its size. Tries one link after the other. PullError within PULL_S."""
        try:
            return await self._ask(source, Question(wanted, own, ""), PULL_S, pull_wire.pulled)
        except PullError as error:
            raise PullError(f"node {source} did not hand out {wanted}: {error}") from error

    async def loaded(self, source: NodeId, own: Identity, within_s: float) -> Told:
        """What that node has loaded. PullError in that time; NobodyThere if the node is on and nobody answers us."""
        return await self._ask(source, Question(None, own, ""), within_s, pull_wire.told)

    async def fit(self, source: NodeId, own: Identity, within_s: float) -> Fit:
        """What that node sees of its manager. PullError in that time."""
        return await self._ask(source, Question(None, own, "", fit=True), within_s, pull_wire.fit)

    async def _ask(self, source: NodeId, question: Question, within_s: float, read: Callable[[bytes], T]) -> T:
        """The question needs no nonce yet."""
        addresses = [one for one in self._peers.get(source, ()) if one]
        if not addresses:
            raise PullError("it has no address in the node list")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        failures = []
        for tried, address in enumerate(addresses):
            share = (deadline - loop.time()) / (len(addresses) - tried)
            try:
                return read(await self._ask_at(address, question._replace(nonce=secrets.token_hex(16)), share))
            except Failure as failure:
                failures.append(failure)
            except PullError as error:
                failures.append(Failure(f"{address}: {error}"))
        why = "; ".join(str(one) for one in failures)
        raise NobodyThere(why) if all(one.refused for one in failures) else PullError(why)

    async def _ask_at(self, address: str, question: Question, within_s: float) -> bytes:
        """Over one link; every way to fail is a Failure."""
        try:
            async with asyncio.timeout(within_s):
                blob = await self._exchange(address, question)
            return open_blob(self._keys, self._cluster_name, f"{_ANSWER} {question.nonce}", blob)
        except TimeoutError as error:
            raise Failure(f"{address} did not answer within {within_s:.1f} s") from error
        except OSError as error:
            why = f"{address}: {error.strerror or error}"
            raise Failure(why, refused=isinstance(error, ConnectionRefusedError | ConnectionResetError)) from error
        except CoroctlError as error:
            raise Failure(f"{address}: {error}", refused=isinstance(error, Closed)) from error

    async def _exchange(self, address: str, question: Question) -> bytes:
        reader, writer = await asyncio.open_connection(address, self._port)
        try:
            pull_wire.send(
                writer, seal_blob(self._keys[0], self._cluster_name, _QUESTION, pull_wire.question_bytes(question))
            )
            await writer.drain()
            return await pull_wire.receive(reader, BLOB_MAX)
        finally:
            writer.transport.abort()


class PullServer:
    """Answers them."""

    def __init__(self, keys: Sequence[Key], cluster_name: str, serve: Callable[[Question], Awaitable[Reply]]) -> None:
        self._keys = keys
        self._cluster_name = cluster_name
        self._serve = serve
        self._welcome: frozenset[str] = frozenset()
        self._servers: list[asyncio.Server] = []
        self._active: set[asyncio.Task[None]] = set()
        self.refused = 0
        """Connections that were closed without an answer: strangers, forgeries, too many at once, too slow."""

    def change_keys(self, keys: Sequence[Key]) -> None:
        """As the client's."""
        self._keys = keys

    def configure(self, peers: Mapping[NodeId, tuple[str, ...]]) -> None:
        """Whose connections are taken: numeric link addresses of the configured nodes."""
        self._welcome = frozenset(_plain(one) for addresses in peers.values() for one in addresses if one)

    async def start(self, addresses: Sequence[str], port: int) -> None:
        """Listen on this node's link addresses. PullError if one of them cannot be listened on."""
        for address in addresses:
            try:
                listening = _listening(address, port)
            except OSError as error:
                await self.close()
                raise PullError(f"cannot listen on {address} port {port}: {error.strerror}") from error
            self._servers.append(await asyncio.start_server(self._accept, sock=listening))

    @property
    def listening(self) -> tuple[socket.socket, ...]:
        """The sockets, in the order of the addresses."""
        return tuple(one for server in self._servers for one in server.sockets)

    async def finish(self) -> None:
        """Bring the connections that are open to their end, within PULL_S."""
        await asyncio.gather(*self._active, return_exceptions=True)

    async def close(self) -> None:
        """Listen no longer, and end the connections that are open."""
        for server in self._servers:
            server.close()
            await server.wait_closed()
        self._servers.clear()
        active = list(self._active)
        for task in active:
            task.cancel()
        await asyncio.gather(*active, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if not peer or _plain(peer[0]) not in self._welcome or len(self._active) >= CONNECTIONS:
            self.refused += 1
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._answer_one(reader, writer))
        self._active.add(task)
        task.add_done_callback(self._active.discard)

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PULL_S):
                question = await self._question(reader)
                found = await self._serve(question)
                label = f"{_ANSWER} {question.nonce}"
                pull_wire.send(
                    writer, seal_blob(self._keys[0], self._cluster_name, label, pull_wire.answer_bytes(found))
                )
                writer.close()
                await writer.wait_closed()
        except (CoroctlError, OSError, TimeoutError):
            self.refused += 1
        finally:
            writer.transport.abort()

    async def _question(self, reader: asyncio.StreamReader) -> Question:
        blob = await pull_wire.receive(reader, QUESTION_MAX)
        return pull_wire.question(open_blob(self._keys, self._cluster_name, _QUESTION, blob))


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(*_FREEBIND[family], 1)
        listening.bind((address, port))
        listening.listen(CONNECTIONS)
    except OSError:
        listening.close()
        raise
    return listening


def _plain(address: str) -> str:
    """One spelling for all spellings of an address."""
    with suppress(ValueError):
        return str(ip_address(address.partition("%")[0]))
    return address
