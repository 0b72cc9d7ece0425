"""Questions to another node's daemon, over TCP: which file it has loaded, the file itself, how its manager and its
machine are, and what is in its logs.

One sealed question and one sealed answer a connection; a log is as many of them as it takes.

Knows neither what is in a file nor where it is kept: who asks checks the bytes that come. The answer is sealed for the
question's own nonce, so that no old answer fits. The other end is `pull_server`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from coroctl.daemon import pull_wire
from coroctl.daemon.pull_wire import (
    ANSWER,
    PULL_S,
    QUESTION,
    SILENCE_S,
    About,
    Closed,
    Fit,
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
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

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
    "Pulled",
    "Question",
    "Reply",
    "Told",
]

T = TypeVar("T")

INVENTORY_S = 10.0
INVENTORY_MAX = 64 << 20
"""Bytes of an inventory, compressed."""


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
                writer, seal_blob(self._keys[0], self._cluster_name, QUESTION, pull_wire.question_bytes(question))
            )
            await writer.drain()
        except BaseException:  # also when it is cancelled
            writer.transport.abort()
            raise
        return reader, writer

    def _opened(self, blob: bytes, label: str) -> bytes:
        return open_blob(self._keys, self._cluster_name, f"{ANSWER} {label}", blob)


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
