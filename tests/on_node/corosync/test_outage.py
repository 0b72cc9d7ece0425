"""corosync frozen, killed and restarted under open connections; users who may not ask; asyncio."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from coroctl.corosync.cfg import Cfg
from coroctl.corosync.cmap import Cmap, Notification, TrackType, ValueType
from coroctl.corosync.corotypes import Track
from coroctl.corosync.cpg import Cpg
from coroctl.corosync.quorum import Quorum
from coroctl.corosync.votequorum import Votequorum
from coroctl.errors import CoroctlError, CorosyncLost
from tests.on_node import corosync_control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Library(NamedTuple):
    """How to connect, and a verb that asks corosync."""

    initialize: Callable[[], Any]
    ask: Callable[[Any], object]


LIBRARIES = {
    "cmap": Library(Cmap.initialize, lambda cmap: cmap.get("totem.version")),
    "quorum": Library(Quorum.initialize, lambda quorum: quorum.getquorate()),
    "votequorum": Library(Votequorum.initialize, lambda votes: votes.getinfo(0)),
    "cfg": Library(Cfg.initialize, lambda cfg: cfg.local_get()),
    "cpg": Library(Cpg.initialize, lambda cpg: cpg.local_get()),
}


@pytest.fixture
def connections() -> Iterator[dict[str, Any]]:
    opened = {name: library.initialize() for name, library in LIBRARIES.items()}
    yield opened
    for connection in opened.values():
        connection.finalize()


def outcome(call: Callable[[], object]) -> object:
    """What a call answers, or the type of what it raises."""
    try:
        return call()
    except CoroctlError as error:
        return type(error)


class Blocked:
    """A call that runs in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.done = threading.Event()
        self.result: object = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.result = outcome(self._call)
        self.done.set()


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_call_waits_for_a_frozen_corosync_and_holds_up_nobody(name: str, connections: dict[str, Any]) -> None:
    library = LIBRARIES[name]
    before = library.ask(connections[name])
    with corosync_control.frozen():
        # That this thread goes on at all shows that the interpreter lock was released.
        asking = Blocked(lambda: library.ask(connections[name]))
        connecting = Blocked(lambda: library.initialize().finalize())
        assert not asking.done.wait(0.3)
        assert not connecting.done.is_set()
        assert connections[name].dispatch() == []
    assert asking.done.wait(corosync_control.DEADLINE)
    assert connecting.done.wait(corosync_control.DEADLINE)
    assert asking.result == before
    assert connecting.result is None


@pytest.mark.parametrize("name", [name for name in LIBRARIES if name != "cpg"])
def test_finalize_does_not_wait_for_a_frozen_corosync(name: str, connections: dict[str, Any]) -> None:
    with corosync_control.frozen():
        closing = Blocked(connections[name].finalize)
        assert closing.done.wait(5)


def test_finalize_of_cpg_waits_for_a_frozen_corosync(connections: dict[str, Any]) -> None:
    with corosync_control.frozen():
        closing = Blocked(connections["cpg"].finalize)
        assert not closing.done.wait(0.3)
    assert closing.done.wait(corosync_control.DEADLINE)


def test_killed_while_calls_wait(connections: dict[str, Any]) -> None:
    with corosync_control.frozen():
        calls = {name: Blocked(partial(library.ask, connections[name])) for name, library in LIBRARIES.items()}
        connecting = [Blocked(library.initialize) for library in LIBRARIES.values()]
        assert not calls["cpg"].done.wait(0.3)
        corosync_control.kill()
    for call in (*calls.values(), *connecting):
        assert call.done.wait(corosync_control.DEADLINE)
        assert call.result is CorosyncLost
    corosync_control.restart()


def test_killed_and_restarted_under_open_connections(connections: dict[str, Any]) -> None:
    connections["cmap"].track_add("", TrackType.ADD | TrackType.MODIFY | TrackType.PREFIX)
    connections["quorum"].trackstart(Track.CHANGES)
    connections["votequorum"].trackstart(Track.CHANGES)
    connections["cfg"].trackstart()
    connections["cpg"].join("coroctltest")
    items = connections["cmap"].iter()
    next(items)

    corosync_control.kill()
    for name, connection in connections.items():
        corosync_control.readable(connection)
        with pytest.raises(CorosyncLost):
            corosync_control.events(connection, lambda _seen: False)
        with pytest.raises(CorosyncLost, match="corosync is not running, or the connection to it broke"):
            LIBRARIES[name].ask(connection)
        with pytest.raises(CorosyncLost, match=r"initialize: corosync is not running"):
            LIBRARIES[name].initialize()
    with pytest.raises(CorosyncLost):
        next(items)

    corosync_control.restart()
    for name, connection in connections.items():
        with pytest.raises(CorosyncLost):
            LIBRARIES[name].ask(connection)
        connection.finalize()
        connection.finalize()
        with LIBRARIES[name].initialize() as renewed:
            LIBRARIES[name].ask(renewed)


def test_a_clean_stop_is_seen_too(connections: dict[str, Any]) -> None:
    corosync_control.restart()
    for connection in connections.values():
        with pytest.raises(CorosyncLost):
            corosync_control.events(connection, lambda _seen: False)


def test_who_is_not_root_is_denied() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            found = {name: str(outcome(library.initialize)) for name, library in LIBRARIES.items()}
            os.write(writing, json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as file:
        assert json.load(file) == dict.fromkeys(LIBRARIES, "<class 'coroctl.errors.CorosyncDenied'>")


def test_asyncio_watches_the_file_descriptor(connections: dict[str, Any]) -> None:
    cmap: Cmap = connections["cmap"]

    async def first_change() -> Notification:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Notification] = loop.create_future()
        fd = cmap.fd_get()

        def ready() -> None:
            for event in cmap.dispatch():
                arrived.set_result(event)

        loop.add_reader(fd, ready)
        try:
            with Cmap.initialize() as other:
                other.set("coroctltest.key", 1, ValueType.UINT8)
            return await asyncio.wait_for(arrived, corosync_control.DEADLINE)
        finally:
            loop.remove_reader(fd)

    track = cmap.track_add("coroctltest.key", TrackType.ADD)
    assert asyncio.run(first_change()) == Notification(track, TrackType.ADD, "coroctltest.key", 1, None)
    cmap.delete("coroctltest.key")
