"""What must be in order before the daemon starts; the same as ``corolistener --check-config``.

Reads files and asks the kernel which addresses are its own. Changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from coroctl.conf.lint import Severity, lint
from coroctl.daemon import uplink
from coroctl.daemon.configuration import Loaded, own_node, read
from coroctl.daemon.gate import GateError, available
from coroctl.daemon.keys import Key, load_keys
from coroctl.errors import ConfigError, CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coroctl.conf.finding import Finding
    from coroctl.model import NodeId


T = TypeVar("T")


class StartRefused(CoroctlError):
    """The daemon does not start; each reason is one line."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class Ready(NamedTuple):
    """Everything that a start needs is there."""

    loaded: Loaded
    node: NodeId
    name: str
    keys: tuple[Key, ...]
    warnings: tuple[str, ...]


def check(conf: Path) -> Ready:
    """What was found; StartRefused names everything that is in the way, not only the first."""
    try:
        loaded = read(conf)
    except ConfigError as error:
        raise StartRefused((str(error),)) from error
    findings = lint(loaded.data, str(conf))
    reasons = [str(one) for one in findings if one.severity is Severity.ERROR]
    if not loaded.cluster.listener.present:
        reasons.append(f"{conf}: there is no corolistener section: this cluster is not meant to have one")
    node = _try(reasons, lambda: own_node(loaded, conf))
    keys = _try(reasons, lambda: load_keys(loaded.cluster.listener.keyfile))
    if reasons or node is None or keys is None:
        raise StartRefused(tuple(reasons))
    name = next((one.name for one in loaded.cluster.nodes if one.nodeid == node and one.name), str(node))
    return Ready(loaded, node, name, keys, (*_warnings(findings), *_dead_man(loaded), *_ping(loaded)))


def _try(reasons: list[str], attempt: Callable[[], T]) -> T | None:
    """The answer, or one more reason."""
    try:
        return attempt()
    except CoroctlError as error:
        reasons.append(str(error))
        return None


def _warnings(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    return tuple(str(one) for one in findings if one.severity is Severity.WARNING)


def _dead_man(loaded: Loaded) -> tuple[str, ...]:
    """Whether the kernel can silence the address by itself."""
    if loaded.cluster.listener.cloud_ip is None:
        return ()
    try:
        available()
    except GateError as error:
        return (f"{error}; without it this node is not safe against a frozen process",)
    return ()


def _ping(loaded: Loaded) -> tuple[str, ...]:
    """Whether ping_target can be asked at all."""
    if loaded.cluster.listener.ping_target is None:
        return ()
    try:
        uplink.available()
    except uplink.UplinkError as error:
        return (str(error),)
    return ()
