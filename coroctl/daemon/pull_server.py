"""Answers other nodes' questions (pull.py), each over a connection of its own; the port's listening sockets are here.

Knows neither what is in a file nor where it is kept: whoever serves is asked for the bytes. The answer is sealed for
the question's own nonce; a question that is replayed gets an answer that nobody can use but who asked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from coroctl.daemon import pull_wire
from coroctl.daemon.pull_wire import (
    ANSWER,
    PULL_S,
    QUESTION,
    QUESTION_MAX,
    SILENCE_S,
    Flow,
    PullError,
    Question,
    Reply,
)
from coroctl.daemon.seal import open_blob, seal_blob
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from coroctl.daemon.keys import Key
    from coroctl.model import NodeId

_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND of linux/in.h and linux/in6.h: a link's address may come later than the daemon."""
CONNECTIONS = 8
"""At a time; a log that is under way does not count."""


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
        pull_wire.send(writer, seal_blob(self._keys[0], self._cluster_name, f"{ANSWER} {label}", data))
        await writer.drain()

    async def _question(self, reader: asyncio.StreamReader) -> Question:
        blob = await pull_wire.receive(reader, QUESTION_MAX)
        return pull_wire.question(open_blob(self._keys, self._cluster_name, QUESTION, blob))


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
