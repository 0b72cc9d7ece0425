"""fence_conf: which agent switches which node off, and with which parameters. Secrets stand here and nowhere else.

One section a node, by its name or nodeid, and `[*]` for what all have in common::

    [*]
    agent = fence_ipmilan
    username = fence
    password = secret

    [n7]
    ip = 192.0.2.7

`agent` and `timeout_s` are ours; every other line goes to the agent as it stands. Reading may block: not on the loop.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.model import NodeId

AGENTS = Path("/usr/sbin")
TIMEOUT_S = 60
SIZE_MAX = 256 * 1024

_ALL = "*"
_SECTION = re.compile(r"\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_AGENT = re.compile(r"fence_[A-Za-z0-9_.-]{1,64}")
_OURS = frozenset({"agent", "timeout_s"})
_NOT_THEIRS = {"action": "corolistener says what is done", "option": "corolistener says what is done"}


class Device(NamedTuple):
    """What switches one node off."""

    agent: Path
    timeout_s: int
    """For each call of the agent."""
    parameters: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        """Without the parameters: one of them is a password."""
        return f"Device({self.agent}, {self.timeout_s} s, {len(self.parameters)} parameters)"


class Entry(NamedTuple):
    """A value and where it stands."""

    value: str
    line: int


Section = dict[str, Entry]


def load_fences(path: str | Path, names: Mapping[NodeId, str]) -> dict[NodeId, Device]:
    """The devices of a file that only root may use; ConfigError with file, line and reason.

    `names` are the cluster's nodes. A node without a section has no device, and cannot be fenced.
    """
    return parse_fences(_read(os.fspath(path)), os.fspath(path), names)


def parse_fences(data: bytes, file: str, names: Mapping[NodeId, str]) -> dict[NodeId, Device]:
    """What the bytes say; ConfigError names the file as `file`."""
    sections = _sections(data, file)
    common = sections.pop(_ALL, {})
    found: dict[NodeId, Device] = {}
    for word, (line, section) in ((word, _own(one)) for word, one in sections.items()):
        node = _node(word, names, file, line)
        if node in found:
            raise ConfigError(file, line, f"node {node} has a section already, by its other name")
        found[node] = _device({**common, **section}, word, file, line)
    return found


def check_agent(agent: Path) -> str:
    """Why a program is not to be run as root; empty if it may be."""
    try:
        status = agent.stat()
    except OSError as error:
        return f"{agent}: {error.strerror}"
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o111:
        return f"{agent} is no program"
    if status.st_uid != 0 or status.st_mode & 0o022:
        return f"{agent} may be changed by others than root"
    return ""


def _read(name: str) -> bytes:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write to it.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as stream:  # noqa: PTH123 (a descriptor, not a path)
            _check_owner(name, os.fstat(descriptor))
            data = stream.read(SIZE_MAX + 1)
    except OSError as error:
        raise ConfigError(name, 0, error.strerror or str(error)) from error
    if len(data) > SIZE_MAX:
        raise ConfigError(name, 0, f"it has more than {SIZE_MAX} bytes")
    return data


def _check_owner(name: str, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(name, 0, "this is not a regular file")
    if status.st_uid != 0:
        raise ConfigError(name, 0, f"it belongs to user {status.st_uid}; run `chown root:root {name}`")
    if mode & 0o077:
        raise ConfigError(name, 0, f"others than root may use it (mode {mode:04o}); run `chmod 0600 {name}`")


def _sections(data: bytes, file: str) -> dict[str, Section]:
    """By the word in brackets. The entry "" of each says where it begins."""
    sections: dict[str, Section] = {}
    section: Section | None = None
    for number, line in _lines(data, file):
        if head := _SECTION.fullmatch(line):
            if head[1] in sections:
                raise ConfigError(file, number, f"[{head[1]}] stands in line {sections[head[1]][''].line} already")
            section = sections[head[1]] = {"": Entry("", number)}
        elif section is None:
            raise ConfigError(file, number, "a section is expected first: [NODE] or [*]")
        else:
            _add(section, line, file, number)
    return sections


def _lines(data: bytes, file: str) -> list[tuple[int, str]]:
    """Numbered, without blank lines and comments."""
    found = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        try:
            line = raw.decode().strip()
        except UnicodeDecodeError:
            raise ConfigError(file, number, "this is no UTF-8 text") from None
        if not line.isprintable():
            raise ConfigError(file, number, "there are control characters in this line")
        if line and not line.startswith(("#", ";")):
            found.append((number, line))
    return found


def _add(section: Section, line: str, file: str, number: int) -> None:
    key, equals, value = (part.strip() for part in line.partition("="))
    if not equals or not _KEY.fullmatch(key):
        raise ConfigError(file, number, "`key = value` or [NODE] is expected")
    if key in section:
        raise ConfigError(file, number, f"{key} stands in line {section[key].line} already")
    if key in _NOT_THEIRS:
        raise ConfigError(file, number, f"{key} cannot be set: {_NOT_THEIRS[key]}")
    section[key] = Entry(value, number)


def _own(section: Section) -> tuple[int, Section]:
    return section[""].line, section


def _node(word: str, names: Mapping[NodeId, str], file: str, line: int) -> NodeId:
    """A name, else a nodeid."""
    named = [node for node, name in names.items() if name == word] or [node for node in names if str(node) == word]
    if len(named) != 1:
        reason = "more than one node has this name" if named else "no node of the cluster has this name or nodeid"
        raise ConfigError(file, line, f"[{word}]: {reason}")
    return named[0]


def _device(section: Section, word: str, file: str, line: int) -> Device:
    agent = section.get("agent")
    if agent is None:
        raise ConfigError(file, line, f"[{word}] names no agent")
    if not (_AGENT.fullmatch(agent.value) or Path(agent.value).is_absolute()):
        raise ConfigError(file, agent.line, f"agent {agent.value!r}: fence_... or an absolute path is expected")
    parameters = tuple((key, entry.value) for key, entry in section.items() if key and key not in _OURS)
    return Device(AGENTS / agent.value, _timeout(section.get("timeout_s"), file), parameters)


def _timeout(entry: Entry | None, file: str) -> int:
    if entry is None:
        return TIMEOUT_S
    if not entry.value.isascii() or not entry.value.isdecimal() or not 1 <= int(entry.value) <= 600:
        raise ConfigError(file, entry.line, f"timeout_s {entry.value!r}: 1 to 600 seconds are expected")
    return int(entry.value)
