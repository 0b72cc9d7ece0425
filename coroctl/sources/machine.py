"""A node's machine as values, and as JSON and back: for who looks, who shows, and the way between nodes."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Disk(NamedTuple):
    """The disk under a folder, in bytes."""

    folder: str
    used: int
    total: int


class Traffic(NamedTuple):
    """Of one device, bytes a second; None before there are two counts."""

    device: str
    received: float | None
    sent: float | None
    errors: int
    """Errors and drops, both ways, since it came up."""


class Service(NamedTuple):
    """A systemd unit; `state` is systemd's ActiveState, "missing" where it is not installed."""

    unit: str
    state: str
    detail: str


class Host(NamedTuple):
    """The machine at one moment."""

    cpu: float | None
    """Percent of all processors since the last look; None at the first."""
    load: float
    """Of the last minute."""
    cores: int
    memory_used: int
    """Bytes, without what can be freed."""
    memory_total: int
    swap_used: int
    disks: tuple[Disk, ...]
    traffic: tuple[Traffic, ...]
    services: tuple[Service, ...]
    trouble: str
    """Why there are no services; empty otherwise."""
    uptime: float = 0.0
    """Seconds since its boot."""


def to_json(host: Host) -> Json:
    """Plain values only."""
    return {
        **host._asdict(),
        "disks": [one._asdict() for one in host.disks],
        "traffic": [one._asdict() for one in host.traffic],
        "services": [one._asdict() for one in host.services],
    }


def from_json(told: Json) -> Host:
    """The host that `to_json` was given. Raises KeyError, TypeError or ValueError if it is none."""
    known = {name: told[name] for name in Host._fields}
    return Host(
        **{
            **known,
            "disks": tuple(Disk(**one) for one in told["disks"]),
            "traffic": tuple(Traffic(**one) for one in told["traffic"]),
            "services": tuple(Service(**one) for one in told["services"]),
        }
    )
