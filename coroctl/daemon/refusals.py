"""refused.sock: where the coroctl of somebody outside the group says that it was turned away, so that it is an event.

The kernel turns them away at control.sock before the daemon hears of them. This socket takes that one sentence from
anybody. Who says it is known from the kernel, and whether it can be true is looked up. The loop that renews the lease
serves it, so what is read in a turn, told in a minute and kept in memory has a bound (quota.py).
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from coroctl.daemon.accounts import Accounts
from coroctl.daemon.callers import Standing, actor_of_message, standing_of
from coroctl.daemon.protocol import CHANGES, Claimed
from coroctl.daemon.quota import QUOTA, Excess, Quota

if TYPE_CHECKING:
    from coroctl.daemon.callers import Actor

REFUSED = "refused.sock"
MODE = 0o666
_VERBS = frozenset(verb.value for verb in CHANGES)
_FORM = re.compile(rb"1 ([a-z-]{1,32}) (-|[0-9A-Fa-f:.]{2,45})")
"""Version, verb, and the address from which the user came by SSH, as they claim: nothing that a log has to fear."""
_MOST_BYTES = 128
_UCRED = struct.Struct("3i")
_CONTROL_BYTES = socket.CMSG_SPACE(_UCRED.size)
"""Just the sender's credentials: for file descriptors that somebody sends along there is no room, so none is opened."""


class Said(NamedTuple):
    """A message."""

    verb: str
    origin: str
    """Empty: not claimed."""


class Desk(Protocol):
    """Where it is written down."""

    def turned_away(self, verb: str, actor: Actor, user: str, why: str) -> None:
        """Somebody outside the group wanted to change something."""

    def turned_away_more(self, uid: int | None, count: int) -> None:
        """So many further times, within a minute; None: users that are too many to be told apart."""


def parsed(message: bytes) -> Said | None:
    """None: it is nothing that coroctl says."""
    found = _FORM.fullmatch(message)
    if found is None or (verb := found[1].decode()) not in _VERBS:
        return None
    origin = found[2].decode()
    return Said(verb, "" if origin == "-" else origin)


class Refusals:
    """The socket, once it is bound. Used on the loop; `group` is whose members may change something."""

    def __init__(
        self, desk: Desk, group: str, gid: int, quota: Quota = QUOTA, accounts: Accounts | None = None
    ) -> None:
        self.ignored: Counter[str] = Counter()
        """Messages that became no event, by reason."""
        self._desk = desk
        self._group, self._gid = group, gid
        self._quota = quota
        self._accounts = accounts or Accounts()
        self._loop = asyncio.get_running_loop()
        self._excess = Excess(quota, self._loop.time())
        self._socket: socket.socket | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._more: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, bound: socket.socket) -> None:
        """From now on, until `close`."""
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket = bound
        self._loop.add_reader(bound, self._read, bound)

    async def close(self) -> None:
        """What was counted is told; the socket is closed."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for timer in (self._resume, self._more):
            if timer is not None:
                timer.cancel()
        self._tell_more()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _read(self, bound: socket.socket) -> None:
        """A few, and then a pause, whether more wait or not: the kernel keeps so few that floods are not seen."""
        for _ in range(self._quota.a_turn):
            try:
                message, ancillary, flags, _ = bound.recvmsg(_MOST_BYTES, _CONTROL_BYTES)
            except OSError:
                break
            self._take(b"" if flags & socket.MSG_TRUNC else message, ancillary)
        self._loop.remove_reader(bound)
        self._resume = self._loop.call_later(self._quota.pause_s, self._go_on, bound)

    def _go_on(self, bound: socket.socket) -> None:
        self._resume = None
        if bound is self._socket:
            self._loop.add_reader(bound, self._read, bound)

    def _take(self, message: bytes, ancillary: list[tuple[int, int, bytes]]) -> None:
        said, sender = parsed(message), _sender(ancillary)
        if said is None or sender is None:
            self.ignored["junk"] += 1
            return
        pid, uid, gid = sender
        if not self._excess.admit(uid, self._loop.time()):
            self.ignored["too many"] += 1
            if self._more is None and self._excess.exceeded:
                self._more = self._loop.call_later(self._quota.more_s, self._tell_more)
            return
        # Now: the process that was turned away ends at once.
        actor = actor_of_message(pid, uid, gid, Claimed(origin=said.origin))
        standing = standing_of(pid, uid)
        if standing is not None and standing.may(self._gid):
            self._doubt(uid)
            return
        task = self._loop.create_task(self._tell(said, actor, standing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, said: Said, actor: Actor, standing: Standing | None) -> None:
        account = await self._accounts.of(actor.uid)
        listed = account.groups is not None and self._gid in account.groups
        if standing is None and (listed or actor.uid == 0):
            self._doubt(actor.uid)
            return
        # Groups are given to a session when it begins.
        why = f"in group {self._group} from the next login on" if listed else f"not in group {self._group}"
        self._desk.turned_away(said.verb, actor, account.name, f"refused: {why}")

    def _doubt(self, uid: int) -> None:
        """Whoever may open the socket was not turned away at it."""
        self._excess.doubt(uid)
        self.ignored["doubted"] += 1

    def _tell_more(self) -> None:
        self._more = None
        users, others = self._excess.take_more()
        for uid, count in users.items():
            self._desk.turned_away_more(uid, count)
        if others:
            self._desk.turned_away_more(None, others)


def _sender(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int, int] | None:
    for level, kind, data in ancillary:
        if (level, kind, len(data)) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, _UCRED.size):
            pid, uid, gid = _UCRED.unpack(data)
            return pid, uid & 0xFFFFFFFF, gid & 0xFFFFFFFF
    return None
