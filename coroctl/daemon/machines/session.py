"""One connection to libvirt. Its methods block, for as long as libvirtd does not answer, and may be called from any
thread; they raise libvirt's own errors. What has changed is told from libvirt's event thread.
"""

from __future__ import annotations

import contextlib
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from coroctl.daemon.machines.hypervisor import Domain, HypervisorAway, HypervisorError, State

if TYPE_CHECKING:
    from collections.abc import Callable

KEEPALIVE_S = 5
KEEPALIVE_TIMES = 3
"""A libvirtd that has not answered that often is given up: all calls that wait for it then end."""


@cache
def library() -> Any:
    """The module libvirt, with its event loop on a thread of its own. HypervisorAway if it is not installed."""
    try:
        import libvirt
    except ImportError as error:
        raise HypervisorAway(f"libvirt-python is not installed: pip install coroctl[libvirt] ({error})") from None
    libvirt.registerErrorHandler(lambda *_: None, None)  # else it writes them to stderr as well
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_turn, args=(libvirt,), name="libvirt events", daemon=True).start()
    return libvirt


def _turn(libvirt: Any) -> None:
    """Until the process ends."""
    while True:
        libvirt.virEventRunDefaultImpl()


class Session:
    """A connection, and what is asked of it."""

    def __init__(self, uri: str, changed: Callable[[str], None], lost: Callable[[str], None]) -> None:
        """Connects. ``changed(name)``: look at that machine again; ``lost(why)``: the connection has ended."""
        self._virt = library()
        self._states = _states(self._virt)
        self._reasons = _reasons(self._virt)
        self._uri = uri
        self._connection = self._virt.open(uri)
        self._changed = changed
        self._lost = lost
        # A driver without a server (test:///) has no close and no keepalive.
        with contextlib.suppress(self._virt.libvirtError):
            self._connection.registerCloseCallback(self._closed, None)
            self._connection.setKeepAlive(KEEPALIVE_S, KEEPALIVE_TIMES)
        lifecycle = self._virt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
        self._callback = self._connection.domainEventRegisterAny(None, lifecycle, self._heard, None)

    def _closed(self, _connection: Any, reason: int, _: Any) -> None:
        silent = reason == self._virt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE
        self._lost("libvirtd does not answer" if silent else "libvirtd closed the connection")

    def _heard(self, _connection: Any, domain: Any, _event: int, _detail: int, _: Any) -> None:
        self._changed(domain.name())

    def close(self) -> None:
        """End the connection; what it is registered for would keep it open."""
        ends = (
            lambda: self._connection.domainEventDeregisterAny(self._callback),
            self._connection.unregisterCloseCallback,
            self._connection.close,
        )
        for end in ends:
            with contextlib.suppress(self._virt.libvirtError):
                end()

    # What there is

    def read_all(self) -> dict[str, Domain]:
        """Every machine."""
        found = (self._describe(domain) for domain in self._connection.listAllDomains())
        return {one.name: one for one in found if one is not None}

    def read(self, name: str) -> Domain | None:
        """One machine; None if there is none of that name."""
        domain = self._find(name)
        return None if domain is None else self._describe(domain)

    def xml(self, name: str) -> str:
        """As it would be started next."""
        flags = self._virt.VIR_DOMAIN_XML_INACTIVE | self._virt.VIR_DOMAIN_XML_SECURE
        text: str = self._need(name).XMLDesc(flags)
        return text

    def _describe(self, domain: Any) -> Domain | None:
        """None for one that has gone meanwhile."""
        try:
            number, reason = domain.state()
            persistent = bool(domain.isPersistent())
            return Domain(
                name=domain.name(),
                uuid=domain.UUIDString(),
                state=self._states.get(number, State.UNKNOWN),
                reason=self._reasons.get((number, reason), ""),
                memory_mib=domain.maxMemory() // 1024,
                autostart=persistent and bool(domain.autostart()),
                persistent=persistent,
            )
        except self._virt.libvirtError as error:
            if error.get_error_code() == self._virt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _find(self, name: str) -> Any | None:
        try:
            return self._connection.lookupByName(name)
        except self._virt.libvirtError as error:
            if error.get_error_code() == self._virt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _need(self, name: str) -> Any:
        """Raises libvirt's own error if there is none of that name."""
        return self._connection.lookupByName(name)

    def _state(self, domain: Any) -> State:
        return self._states.get(domain.state()[0], State.UNKNOWN)

    def _reach(self, domain: Any, wanted: frozenset[State], verb: Callable[[], object]) -> None:
        """Unless it is so already: somebody may have been faster, before or in the middle of it."""
        if self._state(domain) in wanted:
            return
        try:
            verb()
        except self._virt.libvirtError:
            if self._state(domain) not in wanted:
                raise

    # What is done to it

    def define(self, xml: str) -> None:
        self._connection.defineXML(xml)

    def undefine(self, name: str) -> None:
        domain = self._find(name)
        if domain is None or not domain.isPersistent():
            return
        virt = self._virt
        domain.undefineFlags(
            virt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | virt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            | virt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
            | virt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
        )

    def start(self, name: str) -> None:
        domain = self._need(name)
        self._reach(domain, frozenset({State.RUNNING}), lambda: self._create(domain, name))

    def _create(self, domain: Any, name: str) -> None:
        if self._state(domain) is State.PAUSED:
            raise HypervisorError(f"start {name}: it is paused here; it can be resumed")
        if domain.hasManagedSaveImage():
            domain.managedSaveRemove()
        domain.create()

    def pause(self, name: str) -> None:
        domain = self._need(name)
        silent = frozenset({State.PAUSED, State.OFF, State.CRASHED})
        self._reach(domain, silent, domain.suspend)

    def resume(self, name: str) -> None:
        domain = self._need(name)
        self._reach(domain, frozenset({State.RUNNING}), domain.resume)

    def shutdown(self, name: str) -> None:
        domain = self._need(name)
        self._reach(domain, frozenset({State.OFF}), domain.shutdown)

    def destroy(self, name: str) -> None:
        domain = self._find(name)
        if domain is not None and domain.isActive():
            self._reach(domain, frozenset({State.OFF}), domain.destroy)

    def autostart_off(self, name: str) -> None:
        domain = self._need(name)
        if domain.isPersistent() and domain.autostart():
            domain.setAutostart(0)

    def settled(self, name: str) -> State:
        """libvirtd takes changes of one machine one by one: this one, of nothing, waits for those before it."""
        domain = self._find(name)
        if domain is None:
            return State.OFF
        if domain.isPersistent():
            domain.setAutostart(domain.autostart())
        if self._migrates(domain):
            raise HypervisorError(f"look at {name}: a migration of it is under way")
        return self._state(domain)

    def _migrates(self, domain: Any) -> bool:
        """A migration does not keep such changes waiting."""
        try:
            kind: int = domain.jobInfo()[0]
        except self._virt.libvirtError:  # it is off
            return False
        return kind in (self._virt.VIR_DOMAIN_JOB_BOUNDED, self._virt.VIR_DOMAIN_JOB_UNBOUNDED)

    def migrate(self, name: str, uri: str) -> None:
        """On a connection of its own: libvirtd takes five calls at once from each, and this one may take long."""
        connection = self._virt.open(self._uri)
        try:
            with contextlib.suppress(self._virt.libvirtError):
                connection.setKeepAlive(KEEPALIVE_S, KEEPALIVE_TIMES)
            connection.lookupByName(name).migrateToURI3(uri, {}, migration_flags(self._virt, uri))
        finally:
            connection.close()

    def abort(self, name: str) -> None:
        """Whatever job is under way on it, such as a migration that does not come to an end."""
        self._need(name).abortJob()


def migration_flags(virt: Any, uri: str) -> int:
    """What M6 (docs/machines.md) rests on.

    PAUSED: the copy waits for its grant. No UNDEFINE_SOURCE: "off (migrated)" is the proof that it has left. No
    POSTCOPY: a machine in two halves is lost with either node. No UNSAFE: what libvirt thinks of the disks counts.
    """
    flags: int = (
        virt.VIR_MIGRATE_LIVE
        | virt.VIR_MIGRATE_PEER2PEER
        | virt.VIR_MIGRATE_PERSIST_DEST
        | virt.VIR_MIGRATE_PAUSED
        | virt.VIR_MIGRATE_ABORT_ON_ERROR
    )
    return flags | virt.VIR_MIGRATE_TLS if uri.startswith("qemu+tls:") else flags


@cache
def _states(virt: Any) -> dict[int, State]:
    return {
        virt.VIR_DOMAIN_RUNNING: State.RUNNING,
        virt.VIR_DOMAIN_BLOCKED: State.RUNNING,
        virt.VIR_DOMAIN_PMSUSPENDED: State.RUNNING,  # its guest's timers may wake it up
        virt.VIR_DOMAIN_SHUTDOWN: State.RUNNING,
        virt.VIR_DOMAIN_PAUSED: State.PAUSED,
        virt.VIR_DOMAIN_SHUTOFF: State.OFF,
        virt.VIR_DOMAIN_CRASHED: State.CRASHED,
    }


@cache
def _reasons(virt: Any) -> dict[tuple[int, int], str]:
    """(state, reason) -> libvirt's word for it, from the names of its constants."""
    return {
        (number, value): name.removeprefix(prefix).replace("_", " ").lower()
        for prefix, number in (
            ("VIR_DOMAIN_PAUSED_", virt.VIR_DOMAIN_PAUSED),
            ("VIR_DOMAIN_SHUTOFF_", virt.VIR_DOMAIN_SHUTOFF),
            ("VIR_DOMAIN_CRASHED_", virt.VIR_DOMAIN_CRASHED),
        )
        for name, value in vars(virt).items()
        if name.startswith(prefix) and not name.endswith("_UNKNOWN")
    }
