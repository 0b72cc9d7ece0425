"""/run/corolistener/run.json: what dies with the boot, and all that the guard process needs to act alone.

On a tmpfs, so it is written on the loop. The guard reads it with the standard library only: the keys are a contract.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.daemon.durable import read, replace
from coroctl.daemon.record import number, tenure_from_json, tenure_to_json
from coroctl.decision.values import Run
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from pathlib import Path

RUN_FILE = "/run/corolistener/run.json"
MOST_PREFIX = 32


class RunFileError(CoroctlError):
    """The file could not be written: the guard will act by what it knew before."""


class GuardFacts(NamedTuple):
    """What the guard must put an end to."""

    service: str
    """systemd unit of the manager; empty if none."""
    address: str
    """The cluster address; empty if none."""
    prefix: int
    device: str
    """Where the address is; empty if none."""
    lock: str = ""
    """Path of the manager's lock file; empty if none."""


NO_FACTS = GuardFacts("", "", 0, "")


def write_run(path: Path, run: Run, facts: GuardFacts) -> None:
    """Replace the file; a reader sees the old or the new. RunFileError if it cannot be written."""
    document = {**run._asdict(), "vote": tenure_to_json(run.vote), **facts._asdict()}
    try:
        replace(path, json.dumps(document).encode("ascii") + b"\n", durable=False)
    except OSError as error:
        raise RunFileError(f"{path}: {error.strerror}") from error


def read_run(path: Path) -> Run | None:
    """None if there is none, or it is damaged: then nothing of a former life of this boot is known."""
    document = _read(path)
    try:
        return Run(
            boot=number(document["boot"]),
            counter=number(document["counter"]),
            vote=tenure_from_json(document["vote"]),
            lease_us=number(document["lease_us"]),
            lease_until=number(document["lease_until"]),
            guard_until=number(document["guard_until"]),
        )
    except (KeyError, ValueError):
        return None


def read_facts(path: Path) -> GuardFacts:
    """What the former life held, whatever the configuration says now; nothing if it is not known."""
    document = _read(path)
    texts = [document.get(key) for key in ("service", "address", "device", "lock")]
    prefix = document.get("prefix")
    if not all(isinstance(text, str) for text in texts) or type(prefix) is not int or not 0 <= prefix <= MOST_PREFIX:
        return NO_FACTS
    service, address, device, lock = map(str, texts)
    return GuardFacts(service, address, prefix, device, lock)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(read(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
