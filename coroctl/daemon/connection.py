"""One client at a control socket: its lines in, answers out, and the patience that it is granted.

Never more than one request of a client in one turn of the loop, and never more of its bytes in memory than the limits
say. What a request means is the hub's affair.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from coroctl.daemon import protocol
from coroctl.daemon.protocol import Refused

if TYPE_CHECKING:
    from coroctl.daemon.callers import Actor
    from coroctl.daemon.limits import Limits, Usage
    from coroctl.daemon.protocol import Call


class Hub(Protocol):
    """What all connections share."""

    limits: Limits
    usage: Usage

    def came(self, connection: Connection) -> None:
        """It has begun."""

    def went(self, connection: Connection) -> None:
        """It has ended."""

    def take(self, connection: Connection, call: Call) -> None:
        """Answer, or raise Refused."""


class Connection(asyncio.Protocol):
    """A client that was admitted. The hub counts in `under_way`, and marks `streaming`."""

    def __init__(self, hub: Hub, actor: Actor, *, control: bool) -> None:
        self.control = control
        """It came by the socket that takes changes."""
        self.actor = actor
        self.full = False
        """It does not read what it was sent: send it nothing new."""
        self.readable = asyncio.Event()
        """Set while it is not full."""
        self.streaming = False
        """It watches, or follows the events."""
        self.under_way = 0
        """Answers that it is owed."""
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._again: asyncio.Handle | None = None
        self._no_more = False
        self._quiet_since = self._half_since = self._full_since = self._loop.time()
        self.readable.set()

    # From asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._hub.came(self)

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self._half_since = self._loop.time()
        self._buffer += data
        if self._again is None:
            self._work()

    def eof_received(self) -> bool:
        """It may have asked and want to hear the answer still."""
        self._no_more = True
        return not self._through()

    def pause_writing(self) -> None:
        """Who does not read is not read from: what it says meanwhile would be kept here without a bound."""
        assert self._transport is not None
        self._transport.pause_reading()
        self.full = True
        self.readable.clear()
        self._full_since = self._loop.time()

    def resume_writing(self) -> None:
        self.full = False
        self.readable.set()
        if self._again is None:
            self._again = self._loop.call_soon(self._work)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._again is not None:
            self._again.cancel()
        if self._transport is not None:
            self._transport = None
            self._hub.went(self)

    # From the hub

    def send(self, line: bytes) -> None:
        """Send a line; who leaves too much of it unread is dropped."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(line)
        if self._transport.get_write_buffer_size() > self._hub.limits.unread_bytes:
            self._transport.abort()

    def answered(self) -> None:
        """One of the answers that were under way has been sent."""
        self.under_way -= 1
        self._quiet_since = self._loop.time()
        self._end_if_through()

    def check(self, now: float) -> None:
        """Time has passed."""
        if self._transport is None or self._transport.is_closing():
            return
        limits = self._hub.limits
        owed = self.under_way or self.streaming or self._again is not None
        if self.full:
            if now - self._full_since > limits.unread_s:
                self._transport.abort()
        elif self._buffer and self._again is None and now - self._half_since > limits.half_line_s:
            self._refuse(Refused("timeout", f"the line did not end within {limits.half_line_s:g} s", fatal=True))
        elif not owed and not self._buffer and now - self._quiet_since > limits.idle_s:
            self._refuse(Refused("timeout", f"nothing asked for {limits.idle_s:g} s", fatal=True))

    def close(self) -> None:
        """End it; what it has not read is lost."""
        if self._transport is not None:
            self._transport.abort()

    # Lines

    def _work(self) -> None:
        """Take one line, if there is one and the client may ask now; come back for the next."""
        self._again = None
        transport = self._transport
        if transport is None or transport.is_closing() or self.full:
            return
        end = self._buffer.find(b"\n", self._searched)
        if (end if end >= 0 else len(self._buffer)) >= self._hub.limits.line_bytes:
            self._refuse(Refused("line", f"a line has at most {self._hub.limits.line_bytes} bytes", fatal=True))
        elif end < 0:
            self._searched = len(self._buffer)
            transport.resume_reading()
            self._end_if_through()
        elif wait := self._hub.usage.delay(self.actor.uid, self._loop.time()):
            self._come_back(transport, self._loop.call_later(wait, self._work))
        else:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            self._half_since = self._quiet_since = self._loop.time()
            self._take(line)
            self._come_back(transport, self._loop.call_soon(self._work))

    def _come_back(self, transport: asyncio.Transport, handle: asyncio.Handle) -> None:
        """Until then nothing more is read: what a client sends stays in the kernel's memory, and its own."""
        transport.pause_reading()
        self._again = handle

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        request = ""
        try:
            call = protocol.parse(line)
            request = call.id
            self._hub.take(self, call)
        except Refused as refused:
            refused.request = refused.request or request
            self._refuse(refused)

    def _refuse(self, refused: Refused) -> None:
        self.send(protocol.error(refused))
        if refused.fatal and self._transport is not None:
            self._transport.close()

    def _through(self) -> bool:
        """It will ask nothing more, and is owed nothing. A stream ends with the asking: its reader may be gone."""
        owed = self.under_way and not self.streaming
        return self._no_more and not owed and self._again is None and b"\n" not in self._buffer

    def _end_if_through(self) -> None:
        if self._through() and self._transport is not None:
            self._transport.close()
