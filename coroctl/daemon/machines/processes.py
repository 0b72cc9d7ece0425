"""The qemu processes of this node, counted without libvirt: one that is dead or hung has stopped none of them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_PROGRAM = re.compile(r"qemu-system-[a-z0-9_.-]+|qemu-kvm|kvm")
_NAME = re.compile(r"(?:^|,)guest=((?:[^,]|,,)*)")


class Qemu(NamedTuple):
    """A process that is a machine, running or paused."""

    pid: int
    name: str
    """As libvirt has named it; empty for one that somebody else has started."""


def running(proc: Path = _PROC) -> tuple[Qemu, ...]:
    """Every one; it may take some ms, so not on the loop. One that is just being started is not among them yet."""
    return tuple(found for entry in os.listdir(proc) if entry.isdigit() and (found := _qemu(proc, entry)))  # noqa: PTH208


def _qemu(proc: Path, entry: str) -> Qemu | None:
    try:
        words = (proc / entry / "cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return None
    # The link exe would say more, and may be read only with rights that the daemon does without.
    if not _PROGRAM.fullmatch(os.fsdecode(words[0]).rpartition("/")[2]):
        return None
    return Qemu(int(entry), _name(words))


def _name(words: list[bytes]) -> str:
    """Of ``-name guest=vm1,debug-threads=on``; qemu writes a comma in a name as two."""
    if b"-name" not in words[:-1]:
        return ""
    text = os.fsdecode(words[words.index(b"-name") + 1])
    found = _NAME.search(text)
    return (found[1] if found else text.partition(",")[0]).replace(",,", ",")
