"""Questions to another node's daemon, over TCP: which file it has loaded, the file itself, how its manager and its
machine are, and what is in its logs.

One sealed question and one sealed answer a connection; a log is as many of them as it takes.

Owns the port's listening sockets. Knows neither what is in a file nor where it is kept: who serves is asked for the
bytes, who asks checks them. The answer is sealed for the question's own nonce, so that no old answer fits; a question
that is replayed gets an answer that nobody can use but who asked.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

from coroctl.daemon import pull_wire
from coroctl.daemon.pull_wire import (
    QUESTION_MAX,
    About,
    Closed,
    Fit,
    Flow,
    Looked,
    NobodyThere,
    Pulled,
    PullError,
    Question,
    Reply,
    Told,
)
from coroctl.daemon.seal import BLOB_MAX, open_blob, seal_blob
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from coroctl.daemon.keys import Key
    from coroctl.daemon.logs import LogWanted
    from coroctl.decision.estate.values import Position
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

__all__ = [
    "About",
    "Fit",
    "Looked",
    "NobodyThere",
    "PullClient",
    "PullError",
    "PullServer",
    "Pulled",
    "Question",
    "Reply",
    "Told",
]

T = TypeVar("T")

PULL_S = 5.0
"""For a whole pull, and for a whole connection at the server."""
CONNECTIONS = 8
"""At a time; a log that is under way does not count."""
INVENTORY_S = 10.0
INVENTORY_MAX = 64 << 20
"""Bytes of an inventory, compressed."""
SILENCE_S = 15.0
"""A log has something to say every 5 s; unsent bytes that nobody confirms so long end the connection, too."""
_QUESTION = "configuration wanted"
_ANSWER = "configuration for"
_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND of linux/in.h and linux/in6.h: a link's address may come later than the daemon."""


class Failure(Exception):
    """No answer over one link. Never leaves this module."""

    def __init__(self, why: str, *, refused: bool = False, silent: bool = False) -> None:
        """`silent`: nothing at all came back."""
        super().__init__(why)
        self.refused = refused
        self.silent = silent


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

    async def pull(self, source: NodeId, wanted: Identity, own: Identity, within_s: float | None = None) -> Pulled:
        """The file, not checked but for its size. Tries one link after the other. PullError in that time, or PULL_S."""
        try:
            return await self._ask(source, Question(wanted, own, ""), within_s or PULL_S, pull_wire.pulled)
        except PullError as error:
            raise PullError(f"node {source} did not hand out {wanted}: {error}") from error

    async def find(self, wanted: Identity, own: Identity, within_s: float | None = None) -> Pulled:
        """The same from whoever has it: all are asked at once. PullError says what each has said."""
        asked = [asyncio.ensure_future(self.pull(node, wanted, own, within_s)) for node in self._peers]
        failures = []
        try:
            for answer in asyncio.as_completed(asked):
                try:
                    return await answer
                except PullError as error:
                    failures.append(str(error))
        finally:
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        raise PullError("; ".join(sorted(failures)) or "there is no other node")

    async def loaded(self, source: NodeId, own: Identity, within_s: float) -> Told:
        """What that node has loaded. PullError in that time; NobodyThere if the node is on and nobody answers us."""
        return await self._ask(source, Question(None, own, ""), within_s, pull_wire.told)

    async def fit(self, source: NodeId, own: Identity, within_s: float) -> Fit:
        """What that node sees of its manager. PullError in that time."""
        return await self._ask(source, Question(None, own, "", About.FIT), within_s, pull_wire.fit)

    async def look(self, source: NodeId, about: About, own: Identity, within_s: float) -> Looked:
        """What that node says of its machine: LOAD or HOST. PullError in that time."""
        return await self._ask(source, Question(None, own, "", about), within_s, pull_wire.looked)

    async def log(
        self, source: NodeId, wanted: LogWanted, own: Identity, within_s: float
    ) -> AsyncGenerator[bytes, None]:
        """A log of that node, piece by piece, until it ends the connection. PullError: it does not begin within that
        time, or falls silent.
        """
        async with aclosing(self._flow(source, Question(None, own, "", About.LOG, wanted), within_s)) as flow:
            async for piece in flow:
                yield piece

    async def inventory(self, source: NodeId, position: Position, own: Identity) -> bytes:
        """What that node has of the inventory after that operation. PullError within INVENTORY_S."""
        return await self._whole(source, Question(None, own, "", About.INVENTORY, position=position))

    async def machine(self, source: NodeId, name: str, own: Identity) -> bytes:
        """A machine as that node's hypervisor has it. PullError within INVENTORY_S."""
        return await self._whole(source, Question(None, own, "", About.MACHINE, machine=name))

    async def _whole(self, source: NodeId, question: Question) -> bytes:
        """All pieces. Who was cut off in the middle must see that by what came."""
        pieces, size = [], 0
        try:
            async with asyncio.timeout(INVENTORY_S), aclosing(self._flow(source, question, PULL_S)) as flow:
                async for piece in flow:
                    pieces.append(piece)
                    size += len(piece)
                    if size > INVENTORY_MAX:
                        raise PullError(f"over {INVENTORY_MAX} bytes came")
        except TimeoutError:
            raise PullError(f"it did not come within {INVENTORY_S:g} s") from None
        return b"".join(pieces)

    async def _flow(self, source: NodeId, question: Question, within_s: float) -> AsyncGenerator[bytes, None]:
        """An answer in pieces; see `log`."""
        nonce = secrets.token_hex(16)
        reader, writer, piece = await self._begin(source, question._replace(nonce=nonce), within_s)
        try:
            number = 0
            while True:
                yield piece
                number += 1
                async with asyncio.timeout(SILENCE_S):
                    blob = await pull_wire.receive(reader, BLOB_MAX)
                piece = self._opened(blob, f"{nonce} {number}")
        except Closed:
            return
        except TimeoutError:
            raise PullError(f"it has said nothing for {SILENCE_S:g} s") from None
        except OSError as error:
            raise PullError(_system_says(error)) from error
        finally:
            writer.transport.abort()

    async def _ask(self, source: NodeId, question: Question, within_s: float, read: Callable[[bytes], T]) -> T:
        """The question needs no nonce yet."""

        async def ask(address: str) -> T:
            asked = question._replace(nonce=secrets.token_hex(16))
            reader, writer = await self._say(address, asked)
            try:
                return read(self._opened(await pull_wire.receive(reader, BLOB_MAX), asked.nonce))
            finally:
                writer.transport.abort()

        return await self._over_links(source, within_s, ask)

    async def _begin(
        self, source: NodeId, question: Question, within_s: float
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """A connection over which the first piece has come."""

        async def begin(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
            reader, writer = await self._say(address, question)
            try:
                return reader, writer, self._opened(await pull_wire.receive(reader, BLOB_MAX), f"{question.nonce} 0")
            except BaseException:  # also when it is cancelled: nobody else knows of the connection
                writer.transport.abort()
                raise

        return await self._over_links(source, within_s, begin)

    async def _over_links(self, source: NodeId, within_s: float, ask: Callable[[str], Awaitable[T]]) -> T:
        """What the first link that works leads to."""
        addresses = [one for one in self._peers.get(source, ()) if one]
        if not addresses:
            raise PullError("it has no address in the node list")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        failures = []
        for tried, address in enumerate(addresses):
            share = (deadline - loop.time()) / (len(addresses) - tried)
            try:
                return await _in_time(address, ask, share)
            except Failure as failure:
                failures.append(failure)
        raise _summed_up(failures)

    async def _say(self, address: str, question: Question) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(address, self._port)
        try:
            pull_wire.send(
                writer, seal_blob(self._keys[0], self._cluster_name, _QUESTION, pull_wire.question_bytes(question))
            )
            await writer.drain()
        except BaseException:  # also when it is cancelled
            writer.transport.abort()
            raise
        return reader, writer

    def _opened(self, blob: bytes, label: str) -> bytes:
        return open_blob(self._keys, self._cluster_name, f"{_ANSWER} {label}", blob)


def _summed_up(failures: Sequence[Failure]) -> PullError:
    """What it comes to, and then each link's."""
    why = "; ".join(str(one) for one in failures)
    if all(one.refused for one in failures):
        return NobodyThere(f"no corolistener answers there ({why})")
    return PullError(f"it does not answer ({why})" if all(one.silent for one in failures) else why)


async def _in_time(address: str, ask: Callable[[str], Awaitable[T]], within_s: float) -> T:
    """Over one link; every way to fail is a Failure."""
    try:
        async with asyncio.timeout(within_s):
            return await ask(address)
    except TimeoutError as error:
        raise Failure(f"{address} did not answer within {within_s:.1f} s", silent=True) from error
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError | ConnectionResetError)
        raise Failure(f"{address}: {_system_says(error)}", refused=refused, silent=not refused) from error
    except CoroctlError as error:
        raise Failure(f"{address}: {error}", refused=isinstance(error, Closed)) from error


def _system_says(error: OSError) -> str:
    """Without what asyncio makes of it: "Connect call failed", and a tuple."""
    return os.strerror(error.errno).lower() if error.errno else str(error)


class PullServer:
    """Answers them."""

    def __init__(self, keys: Sequence[Key], cluster_name: str, serve: Callable[[Question], Awaitable[Reply]]) -> None:
        self._keys = keys
        self._cluster_name = cluster_name
        self._serve = serve
        self._welcome: frozenset[str] = frozenset()
        self._servers: list[asyncio.Server] = []
        self._active: set[asyncio.Task[None]] = set()
        self._pouring: set[asyncio.Task[None]] = set()
        """Logs that are under way."""
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
        active = [*self._active, *self._pouring]
        for task in active:
            task.cancel()
        await asyncio.gather(*active, return_exceptions=True)
        # Last: from Python 3.12 on it waits for the connections, too.
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

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
                if not isinstance(found, AsyncGenerator):
                    await self._send(writer, question.nonce, pull_wire.answer_bytes(found))
                    await _closed(writer)
                    return
            await self._pour(writer, question.nonce, found)
        except (CoroctlError, OSError, TimeoutError):
            self.refused += 1
        finally:
            writer.transport.abort()

    async def _pour(self, writer: asyncio.StreamWriter, nonce: str, flow: Flow) -> None:
        """As fast as the asker reads, and only while it is there."""
        task = asyncio.current_task()
        assert task is not None
        self._active.discard(task)
        self._pouring.add(task)
        task.add_done_callback(self._pouring.discard)
        listening: socket.socket = writer.get_extra_info("socket")
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_S * 1000))
        async with aclosing(flow):
            number = 0
            async for piece in flow:
                async with asyncio.timeout(2 * SILENCE_S):
                    await self._send(writer, f"{nonce} {number}", piece)
                number += 1
        async with asyncio.timeout(SILENCE_S):
            await _closed(writer)

    async def _send(self, writer: asyncio.StreamWriter, label: str, data: bytes) -> None:
        pull_wire.send(writer, seal_blob(self._keys[0], self._cluster_name, f"{_ANSWER} {label}", data))
        await writer.drain()

    async def _question(self, reader: asyncio.StreamReader) -> Question:
        blob = await pull_wire.receive(reader, QUESTION_MAX)
        return pull_wire.question(open_blob(self._keys, self._cluster_name, _QUESTION, blob))


async def _closed(writer: asyncio.StreamWriter) -> None:
    """When everything has been sent."""
    writer.close()
    await writer.wait_closed()


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
