"""Between daemons: what the core sends goes sealed to every link of every node, and what comes in is checked.

A datagram is passed on if a listed node sealed it, it came from an address of that node, it is new, and it makes
sense. Everything else is counted, and warned about once a sender. Which life of a sender counts is the core's matter.
Nothing here blocks, and nothing that a stranger sends raises.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

from coroctl.daemon.clock import now_us
from coroctl.daemon.hearing import Hearing
from coroctl.daemon.links import Links, Target, numeric
from coroctl.daemon.replay import Freshness, Memory
from coroctl.daemon.seal import Opened, Opener, Reason, Rejected, Sealer, Type, read_header
from coroctl.daemon.tally import Tally
from coroctl.daemon.wire import (
    WireError,
    decode_answer,
    decode_heartbeat,
    decode_request,
    encode_answer,
    encode_heartbeat,
    encode_request,
)
from coroctl.decision.events import Answered, Heard, Relayed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from coroctl.daemon.keys import Key
    from coroctl.decision.events import Event
    from coroctl.decision.messages import Answer, Request
    from coroctl.decision.values import Heartbeat
    from coroctl.model import NodeId

_WALL = struct.Struct(">q")
"""Before each heartbeat: the sender's wall clock in milliseconds since 1970."""


class Transport:
    """Datagrams to and from the other nodes' daemons. One of it in the life of a process; on the loop's thread only."""

    def __init__(
        self,
        keys: Sequence[Key],
        cluster_name: str,
        local: NodeId,
        incarnation: int,
        tell: Callable[[Event], None],
        warn: Callable[[NodeId, str], None],
    ) -> None:
        """The first key seals. `warn(node, text)`: NOBODY is whoever is not in the list, `local` is this node."""
        self._local = local
        self._cluster_name = cluster_name
        self._incarnation = incarnation
        self._tell = tell
        self._sealer = Sealer(keys[0], cluster_name, local, incarnation)
        self._opener = Opener(keys, cluster_name)
        self._memory = Memory()
        self._tally = Tally(warn)
        self._links = Links(self._arrived, self._link_trouble, self._receiving_failed)
        self._targets: dict[NodeId, tuple[tuple[int, Target], ...]] = {}
        self._owners: dict[str, NodeId] = {}
        self._heard: dict[tuple[NodeId, int], int] = {}
        self._skew_ms: dict[NodeId, int] = {}
        self._hearing = Hearing()

    def configure(self, peers: Mapping[NodeId, tuple[str, ...]], own: tuple[str, ...], port: int) -> None:
        """Numeric addresses by link number, IPv4 or IPv6, empty where there is none; `peers` may name this node, too.

        Link k of this node speaks to link k of the others. An own address that is not there yet is tried again.
        """
        others = {node: addresses for node, addresses in peers.items() if node != self._local}
        self._targets = {node: tuple(self._usable(node, found, port)) for node, found in others.items()}
        self._owners = {target.host: node for node, targets in self._targets.items() for _, target in targets}
        self._heard = {key: when for key, when in self._heard.items() if key[0] in others}
        self._hearing.keep(frozenset(others))
        self._links.configure(own, port, (at for targets in self._targets.values() for at in targets))

    def change_keys(self, keys: Sequence[Key]) -> None:
        """The first seals, all of them open, from now on."""
        self._sealer.change_key(keys[0])
        self._opener = Opener(keys, self._cluster_name)

    def close(self) -> None:
        """Nothing is sent or received any more."""
        self._links.close()

    def send_heartbeat(self, heartbeat: Heartbeat) -> None:
        """To every node on every link."""
        self._send(self._targets, Type.HEARTBEAT, lambda: stamped(heartbeat))

    def send_request(self, to: NodeId, request: Request) -> None:
        """To one node on every link."""
        self._send((to,), Type.REQUEST, lambda: encode_request(request))

    def send_answer(self, to: NodeId, answer: Answer) -> None:
        """To one node on every link."""
        self._send((to,), Type.ANSWER, lambda: encode_answer(answer))

    def counters(self) -> Mapping[tuple[NodeId | str, str], int]:
        """What was dropped: by node, or address that is no node's, and reason. What could not be sent: `send NAME`."""
        return self._tally.counts()

    def last_heard(self) -> Mapping[tuple[NodeId, int], int]:
        """When something authentic last came from a node over a link, in microseconds of now_us()."""
        return dict(self._heard)

    def skew_ms(self) -> Mapping[NodeId, int]:
        """By how much a node's wall clock was ahead of ours when it was last heard; the way here is in it.

        Nothing is decided by it: wall clocks are for people who compare logs.
        """
        return dict(self._skew_ms)

    def hearing(self) -> Mapping[NodeId, Mapping[NodeId, int]]:
        """Who hears whom: per node, how long ago it took something in from each other one, microseconds."""
        return self._hearing.rows(self._local, now_us())

    def missing_links(self) -> Mapping[int, str]:
        """The links whose own address cannot be used yet, and why."""
        return self._links.missing()

    def _usable(self, node: NodeId, addresses: Sequence[str], port: int) -> Iterable[tuple[int, Target]]:
        for link, address in enumerate(addresses):
            if address:
                try:
                    yield link, numeric(address, port)
                except OSError:
                    self._tally.trouble(node, "address", f"link {link}: {address} cannot be reached from here")

    def _send(self, to: Iterable[NodeId], what: Type, encode: Callable[[], bytes]) -> None:
        try:
            datagram = self._sealer.seal(what, encode())
        except (WireError, ValueError) as error:
            self._tally.trouble(self._local, "unsendable", f"a {what.name.lower()} cannot be sent: {error}")
            return
        for node in to:
            for link, target in self._targets.get(node, ()):
                failed = self._links.send(link, target, datagram)
                if failed:
                    self._tally.count(node, f"send {failed}")

    def _arrived(self, datagram: bytes, source: str, link: int) -> None:
        opened = self._opened(datagram, source)
        if isinstance(opened, Rejected):
            self._drop(self._owners.get(source, source), source, opened)
            return
        match self._memory.judge(opened.sender, opened.incarnation, opened.counter, link):
            case Freshness.NEW:
                self._heard[opened.sender, link] = now_us()
                self._pass_on(opened, source)
            case Freshness.DUPLICATE:
                self._heard[opened.sender, link] = now_us()
                self._tally.count(opened.sender, Freshness.DUPLICATE.value)
            case Freshness.REPLAYED:
                self._drop(opened.sender, source, Rejected(Reason.REPLAYED))

    def _opened(self, datagram: bytes, source: str) -> Opened | Rejected:
        """What costs least is checked first: a flood of junk must be cheap."""
        header = read_header(datagram)
        if isinstance(header, Rejected):
            return header
        if header.sender not in {self._owners.get(source), self._local}:
            return Rejected(Reason.STRANGER, f"node {header.sender}")
        opened = self._opener.open(header, datagram)
        if isinstance(opened, Rejected) or opened.sender != self._local:
            return opened
        return Rejected(Reason.REPLAYED if opened.incarnation == self._incarnation else Reason.OWN_ID)

    def _pass_on(self, opened: Opened, source: str) -> None:
        try:
            event = self._event(opened)
        except WireError as error:
            self._drop(opened.sender, source, Rejected(Reason.MALFORMED, str(error)))
        else:
            self._tell(event)

    def _event(self, opened: Opened) -> Event:
        """What a body says; WireError if it says nothing, or is not its sender's."""
        match opened.type:
            case Type.HEARTBEAT:
                if len(opened.body) < _WALL.size:
                    raise WireError("wall clock", "there is none")
                heartbeat = decode_heartbeat(opened.body[_WALL.size :])
                if (heartbeat.sender, heartbeat.incarnation) != (opened.sender, opened.incarnation):
                    raise WireError("sender", "another one than it was sealed by")
                self._skew_ms[opened.sender] = _WALL.unpack_from(opened.body)[0] - _wall_ms()
                self._hearing.take(heartbeat, now_us())
                return Heard(heartbeat)
            case Type.REQUEST:
                request = decode_request(opened.body)
                if request.origin != opened.sender:
                    raise WireError("origin", "another one than it was sealed by")
                return Relayed(opened.sender, request)
            case Type.ANSWER:
                return Answered(decode_answer(opened.body))

    def _drop(self, who: NodeId | str, source: str, why: Rejected) -> None:
        detail = f" ({why.detail})" if why.detail else ""
        text = f"a datagram from {source} was dropped: {why.reason.value}{detail}"
        self._tally.trouble(who, why.reason.name.lower(), text)

    def _link_trouble(self, link: int, text: str) -> None:
        if text:
            self._tally.trouble(self._local, f"link {link}", f"link {link}: {text}")
        else:
            self._tally.well(self._local, f"link {link}")

    def _receiving_failed(self, name: str) -> None:
        self._tally.count(self._local, f"receive {name}")


def stamped(heartbeat: Heartbeat) -> bytes:
    """The body of a heartbeat's datagram: the wall clock goes before it."""
    return _WALL.pack(_wall_ms()) + encode_heartbeat(heartbeat)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
