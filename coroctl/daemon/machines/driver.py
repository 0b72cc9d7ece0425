"""libvirt on the daemon's loop: connects and connects again, hears of changes, and has each call made on a thread.

A call into libvirt blocks for as long as libvirtd, or the qemu behind it, does not answer, and nothing can interrupt
it. So each is made on a thread of its own that is left behind when time is up. The machine that it is about gets no
second one until it returns, and the connection no further ones: libvirtd takes five at once from each. A pause alone is
made beside a migration: that may not end for half a minute when the other node is lost, and libvirt lets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from coroctl.daemon.machines import words
from coroctl.daemon.machines.hypervisor import (
    Gone,
    HypervisorAway,
    HypervisorError,
    HypervisorUnknown,
    Picture,
    State,
)
from coroctl.daemon.machines.memory import free_mib
from coroctl.daemon.machines.session import Session, library
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.daemon.machines.hypervisor import Domain, Route, Told

T = TypeVar("T")

PAUSE, MIGRATE = "pause", "migrate"

URI = "qemu:///system"
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits between attempts to connect; the last one repeats."""
BRIEF_S = 10.0
"""What libvirtd is given to connect, to tell, and to change what is written down."""
ABORT_S = 2.0
"""An aborted migration ends at once, unless the other node is lost. What is paused before that end libvirt resumes."""
PAUSE_S = 5.0
"""A node without quorum has ten seconds for all its machines."""
START_S = 60.0
END_S = 45.0
"""libvirt waits 15 s for a qemu that is to end, and 15 s more for one that it has killed."""


class _Call(NamedTuple):
    """One that has not returned yet."""

    what: str
    answer: asyncio.Future[object]


class Libvirt:
    """The hypervisor of this node (`Hypervisor`). Made on the loop, where ``tell`` is called as well."""

    def __init__(self, tell: Callable[[Told], None], uri: str = URI) -> None:
        self._uri = uri
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._following: asyncio.Task[None] | None = None
        self._opening: asyncio.Future[Session] | None = None
        self._generation = 0
        """Of the connection: what an earlier one still tells is not heard."""
        self._session: Session | None = None
        self._gone: Gone | None = None
        self._connected = asyncio.Event()
        """What is here has been told, and `_session` may be asked."""
        self._news = asyncio.Event()
        """There is something to do about one of the next three."""
        self._lost = ""
        self._worn = False
        """The connection owes an answer: another one is to take its place."""
        self._stale: set[str] = set()
        self._domains: dict[str, Domain] = {}
        self._told: tuple[Domain, ...] | None = None
        """In the last picture; None if the last word was that it is gone."""
        self._shown = asyncio.Event()
        """Replaced by a new one with each picture."""
        self._calls: dict[tuple[str, bool], _Call] = {}
        """By machine, and whether it is a migration: a pause does not wait for one."""

    def begin(self) -> None:
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        self._leave()

    # Verbs

    async def define(self, xml: str) -> None:
        await self._call("define", "a machine", BRIEF_S, lambda session: session.define(xml))

    async def undefine(self, name: str) -> None:
        await self._do("undefine", name, BRIEF_S, Session.undefine)

    async def start(self, name: str) -> None:
        await self._do("start", name, START_S, Session.start)

    async def pause(self, name: str) -> None:
        await self._do(PAUSE, name, PAUSE_S, Session.pause)

    async def resume(self, name: str) -> None:
        await self._do("resume", name, BRIEF_S, Session.resume)

    async def shutdown(self, name: str) -> None:
        await self._do("shut down", name, BRIEF_S, Session.shutdown)

    async def stop(self, name: str, grace_s: float) -> None:
        with contextlib.suppress(HypervisorError):  # a guest that cannot be asked is ended without
            await self.shutdown(name)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    while (seen := self._domains.get(name)) is not None and seen.state is not State.OFF:
                        await self._shown.wait()
        await self.destroy(name)

    async def destroy(self, name: str) -> None:
        await self._do("destroy", name, END_S, Session.destroy)

    async def autostart_off(self, name: str) -> None:
        await self._do("switch autostart off for", name, BRIEF_S, Session.autostart_off)

    async def settled(self, name: str) -> State:
        """Shown before it is said: whoever hears it has the picture that goes with it."""

        def work(session: Session) -> tuple[State, Domain | None]:
            return session.settled(name), session.read(name)

        state, found = await self._call("look at", name, BRIEF_S, work)
        self._take_in({name: found})
        return state

    async def xml(self, name: str) -> str:
        return await self._call("read", name, BRIEF_S, lambda session: session.xml(name))

    async def migrate(self, name: str, route: Route) -> None:
        late: list[asyncio.Task[None]] = []
        timer = self._loop.call_later(route.limit_s, lambda: late.append(self._loop.create_task(self.abort(name))))
        try:
            limit_s = route.limit_s + END_S
            await self._do(MIGRATE, name, limit_s, lambda session, name: session.migrate(name, route.uri))
        except HypervisorError:
            if late:
                raise HypervisorError(f"migrate {name}: aborted, it had not arrived in {route.limit_s:g} s") from None
            raise
        finally:
            timer.cancel()
            await asyncio.gather(*late)

    async def abort(self, name: str) -> None:
        session = self._session
        if session is not None:
            deadline = self._loop.time() + ABORT_S
            await _answered(self._begin_thread(f"abort {name}", partial(session.abort, name)), deadline)
            if (under_way := self._calls.get((name, True))) is not None:
                await _answered(under_way.answer, deadline)

    async def _do(self, verb: str, name: str, timeout_s: float, change: Callable[[Session, str], None]) -> None:
        """What has become of the machine is shown before the end of the call."""

        def work(session: Session) -> Domain | None:
            change(session, name)
            return session.read(name)

        self._take_in({name: await self._call(verb, name, timeout_s, work)})

    # Calls

    async def _call(self, verb: str, name: str, timeout_s: float, work: Callable[[Session], T]) -> T:
        what = f"{verb} {name}"
        deadline = self._loop.time() + timeout_s
        while True:
            session = await self._ready(what, deadline)
            former = self._calls.get((name, False)) or (None if verb == PAUSE else self._calls.get((name, True)))
            if former is None:
                break
            if not await _answered(former.answer, deadline):
                raise HypervisorError(f"{what}: not begun, for libvirtd has not answered yet: {former.what}")
        answer = self._begin_thread(what, lambda: _made(what, partial(work, session)))
        key = name, verb == MIGRATE
        self._calls[key] = _Call(what, answer)  # type: ignore[arg-type]
        answer.add_done_callback(lambda _: self._calls.pop(key))
        if not await _answered(answer, deadline):
            if session is self._session:
                self._worn = True
                self._news.set()
            raise HypervisorUnknown(f"{what}: libvirtd has not answered within {timeout_s:g} s; it may still happen")
        return answer.result()

    async def _ready(self, what: str, deadline: float) -> Session:
        """The connection; a new one is waited for unless there is nobody to connect to."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not self._connected.is_set() and self._gone is None:
                    await self._connected.wait()
        if self._session is None:
            raise HypervisorAway(f"{what}: {self._gone.why if self._gone else 'not connected to libvirtd yet'}")
        return self._session

    def _begin_thread(self, what: str, work: Callable[[], T]) -> asyncio.Future[T]:
        """Its end is told even if nobody waits for it any more."""
        answer: asyncio.Future[T] = self._loop.create_future()
        answer.add_done_callback(lambda answer: answer.exception())  # one that nobody waits for is no surprise

        def run() -> None:
            try:
                end = partial(answer.set_result, work())
            except Exception as error:  # noqa: BLE001 - raised to whoever waits
                end = partial(answer.set_exception, error)
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                self._loop.call_soon_threadsafe(end)

        threading.Thread(target=run, name=f"libvirt: {what}", daemon=True).start()
        return answer

    # The connection

    async def _follow(self) -> None:
        attempt = 0
        while True:
            try:
                session = await self._open()
                attempt = 0
                await self._hear(session)
            except CoroctlError as error:
                self._be_gone(str(error))
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1
            else:
                self._leave()

    async def _open(self) -> Session:
        """One attempt at a time: with a frozen libvirtd it hangs, and succeeds when that goes on."""
        if self._opening is None:
            self._generation += 1
            self._lost, self._worn = "", False
            self._stale.clear()
            self._opening = self._begin_thread("connect", self._make_session())
        if not await _answered(self._opening, self._loop.time() + BRIEF_S):
            raise HypervisorAway(f"libvirtd does not answer ({self._uri})")
        opening, self._opening = self._opening, None
        return opening.result()

    def _make_session(self) -> Callable[[], Session]:
        changed, lost = (partial(self._soon, call, self._generation) for call in (self._mark, self._end))

        def make() -> Session:
            virt = library()
            try:
                return Session(self._uri, changed, lost)
            except virt.libvirtError as error:
                raise HypervisorAway(words.away(error, self._uri)) from None

        return make

    async def _hear(self, session: Session) -> None:
        """Until another connection is to take its place, or HypervisorAway: it is lost."""
        try:
            self._domains = await self._read(session.read_all)
        except CoroctlError:
            self._begin_thread("leave", session.close)
            raise
        self._session = session
        self._gone = None
        self._connected.set()
        self._show()
        while True:
            await self._news.wait()
            self._news.clear()
            if self._lost:
                raise HypervisorAway(self._lost)
            if self._worn:
                return
            names = tuple(self._stale)
            self._stale.clear()
            self._take_in(await self._read(partial(_read_each, session, names)))

    async def _read(self, work: Callable[[], T]) -> T:
        answer = self._begin_thread("look", partial(_made, "look at the machines", work))
        if not await _answered(answer, self._loop.time() + BRIEF_S):
            raise HypervisorAway(f"libvirtd has not told within {BRIEF_S:g} s what runs here")
        try:
            return answer.result()
        except HypervisorUnknown as error:
            raise HypervisorAway(str(error)) from None

    def _take_in(self, found: dict[str, Domain | None]) -> None:
        for name, domain in found.items():
            if domain is None:
                self._domains.pop(name, None)
            else:
                self._domains[name] = domain
        self._show()

    def _show(self) -> None:
        shown, self._shown = self._shown, asyncio.Event()
        shown.set()
        domains = tuple(self._domains[name] for name in sorted(self._domains))
        if self._gone is None and domains != self._told:
            self._told = domains
            self._tell(Picture(domains, free_mib(domains)))

    def _be_gone(self, why: str) -> None:
        self._leave()
        if self._gone is None or self._gone.why != why:
            self._gone = Gone(why)
            self._told = None
            self._tell(self._gone)
        self._connected.set()  # whoever waits for it is to see that it will not be soon
        self._connected.clear()

    def _leave(self) -> None:
        self._connected.clear()
        session, self._session = self._session, None
        if session is not None:
            self._begin_thread("leave", session.close)  # it waits for libvirtd's answer, too

    def _soon(self, call: Callable[[int, str], None], generation: int, word: str) -> None:
        """From libvirt's event thread."""
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(call, generation, word)

    def _mark(self, generation: int, name: str) -> None:
        if generation == self._generation:
            self._stale.add(name)
            self._news.set()

    def _end(self, generation: int, why: str) -> None:
        if generation == self._generation:
            self._lost = why
            self._news.set()


async def _answered(answer: asyncio.Future[T], deadline: float) -> bool:
    """Whether it has come by then; it is never cancelled."""
    await asyncio.wait({answer}, timeout=max(deadline - asyncio.get_running_loop().time(), 0))
    return answer.done()


def _read_each(session: Session, names: tuple[str, ...]) -> dict[str, Domain | None]:
    return {name: session.read(name) for name in names}


def _made(what: str, work: Callable[[], T]) -> T:
    """On a thread: libvirt's errors become ours."""
    virt = library()
    try:
        return work()
    except virt.libvirtError as error:
        raise words.translate(error, what) from None
