"""A configuration file from another node's daemon, over TCP: one sealed question and one sealed answer a connection.

Owns the port's listening sockets. Knows neither what is in a file nor where it is kept: who serves is asked for the
bytes, who asks checks them. The answer is sealed for the question's own nonce, so that no old answer fits; a question
that is replayed gets an answer that nobody can use but who asked.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from contextlib import suppress
from ipaddress import ip_address
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.conf.files import SIZE_MAX
from coroctl.daemon.authors import TEXT_MAX
from coroctl.daemon.seal import BLOB_MAX, open_blob, seal_blob
from coroctl.decision.values import Identity
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from coroctl.daemon.keys import Key
    from coroctl.model import NodeId

PULL_S = 5.0
"""For a whole pull, and for a whole connection at the server."""
CONNECTIONS = 8
QUESTION_MAX = 4096
ACTOR_MAX = TEXT_MAX
_LENGTH = Struct(">I")
_QUESTION = "configuration wanted"
_ANSWER = "configuration for"
_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND of linux/in.h and linux/in6.h: a link's address may come later than the daemon."""


class PullError(CoroctlError):
    """The file did not come, or what came was no answer."""


class Pulled(NamedTuple):
    """An answer."""

    data: bytes
    known: bool
    """Whether the asker's own file was the cluster's at some time, as far as the other node remembers."""
    actor: str
    """Who made the file; empty if it is not remembered."""


class Question(NamedTuple):
    """Which file is wanted, and which one the asker has."""

    wanted: Identity
    own: Identity
    nonce: str


class PullClient:
    """Asks other nodes' daemons."""

    def __init__(self, keys: Sequence[Key], cluster_name: str) -> None:
        self._keys = keys
        self._cluster_name = cluster_name
        self._peers: Mapping[NodeId, tuple[str, ...]] = {}
        self._port = 0

    def configure(self, peers: Mapping[NodeId, tuple[str, ...]], port: int) -> None:
        """Numeric link addresses of each node, by link (empty: none), and the cluster's port."""
        self._peers = peers
        self._port = port

    async def pull(self, source: NodeId, wanted: Identity, own: Identity) -> Pulled:
        """The file, not checked but for its size. Tries one link after the other. PullError within PULL_S."""
        addresses = [one for one in self._peers.get(source, ()) if one]
        if not addresses:
            raise PullError(f"node {source} has no address in the node list")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PULL_S
        reasons = []
        for tried, address in enumerate(addresses):
            share = (deadline - loop.time()) / (len(addresses) - tried)
            try:
                async with asyncio.timeout(share):
                    return await self._pull_from(address, Question(wanted, own, secrets.token_hex(16)))
            except TimeoutError:
                reasons.append(f"{address} did not answer within {share:.1f} s")
            except OSError as error:
                reasons.append(f"{address}: {error.strerror or error}")
            except CoroctlError as error:
                reasons.append(f"{address}: {error}")
        raise PullError(f"node {source} did not hand out {wanted}: {'; '.join(reasons)}")

    async def _pull_from(self, address: str, question: Question) -> Pulled:
        reader, writer = await asyncio.open_connection(address, self._port)
        try:
            _send(writer, seal_blob(self._keys[0], self._cluster_name, _QUESTION, _question_bytes(question)))
            await writer.drain()
            blob = await _receive(reader, BLOB_MAX)
        finally:
            writer.transport.abort()
        label = f"{_ANSWER} {question.nonce}"
        return _answer(open_blob(self._keys, self._cluster_name, label, blob))


class PullServer:
    """Answers them."""

    def __init__(
        self, keys: Sequence[Key], cluster_name: str, serve: Callable[[Question], Awaitable[Pulled | None]]
    ) -> None:
        self._keys = keys
        self._cluster_name = cluster_name
        self._serve = serve
        self._welcome: frozenset[str] = frozenset()
        self._servers: list[asyncio.Server] = []
        self._active: set[asyncio.Task[None]] = set()
        self.refused = 0
        """Connections that were closed without an answer: strangers, forgeries, too many at once, too slow."""

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
                _send(writer, seal_blob(self._keys[0], self._cluster_name, label, _answer_bytes(found)))
                writer.close()
                await writer.wait_closed()
        except (CoroctlError, OSError, TimeoutError):
            self.refused += 1
        finally:
            writer.transport.abort()

    async def _question(self, reader: asyncio.StreamReader) -> Question:
        blob = await _receive(reader, QUESTION_MAX)
        row = _row(open_blob(self._keys, self._cluster_name, _QUESTION, blob))
        try:
            return Question(_identity(row["wanted"]), _identity(row["own"]), _text(row["nonce"], 64))
        except KeyError as error:
            raise PullError(f"a question without {error}") from error


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


# On the wire: length, blob


def _send(writer: asyncio.StreamWriter, blob: bytes) -> None:
    writer.write(_LENGTH.pack(len(blob)) + blob)


async def _receive(reader: asyncio.StreamReader, limit: int) -> bytes:
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > limit:
            raise PullError(f"{length} bytes were announced; {limit} are the limit")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise PullError("the connection was closed before everything was said") from error


# In the blob: a question is one JSON object; an answer is one in its first line, and the file after it


def _question_bytes(question: Question) -> bytes:
    row = {"wanted": list(question.wanted), "own": list(question.own), "nonce": question.nonce}
    return json.dumps(row).encode()


def _answer_bytes(found: Pulled | None) -> bytes:
    if found is None:
        return b'{"found": false}\n'
    row = {"found": True, "known": found.known, "actor": found.actor[:ACTOR_MAX]}
    return json.dumps(row).encode() + b"\n" + found.data


def _answer(data: bytes) -> Pulled:
    head, _, rest = data.partition(b"\n")
    row = _row(head)
    if row.get("found") is not True:
        raise PullError("it has no such file (any more)")
    if len(rest) > SIZE_MAX:
        raise PullError(f"the file has {len(rest)} bytes; {SIZE_MAX} are the limit")
    return Pulled(rest, row.get("known") is True, _text(row.get("actor", ""), ACTOR_MAX))


def _row(data: bytes) -> dict[str, Any]:
    try:
        row = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PullError("what came is no JSON") from error
    if not isinstance(row, dict):
        raise PullError("what came is no JSON object")
    return row


def _identity(value: object) -> Identity:
    match value:
        case [int(version), str(digest)] if 0 <= version < 1 << 64 and len(digest) == 64:
            return Identity(version, digest)
    raise PullError("what came is no identity of a file")


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise PullError("what came is no short text")
    return value
