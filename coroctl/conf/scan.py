"""corosync.conf as lines: what each line is, to corosync 3.1, and why corosync refuses the ones it does.

Every rule here was measured on corosync 3.1.7. Knows no key and no section by name.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

LINE_MAX = 510
"""Bytes of a line without its newline: corosync reads 512-byte buffers and refuses what does not fit."""
PATH_MAX = 253
"""Characters of a key and the path of its section together; one more is refused."""
PATH_MIN = 3
"""cmap names are no shorter: ``kk: 1`` outside a section is refused."""
BOM = "\ufeff"
_BUFFER = 511
_BLANKS = " \t"
_NAME = re.compile(r"[A-Za-z0-9._/:-]*")


class Kind(Enum):
    """What a line is."""

    IGNORED = "ignored"
    """Empty, a comment, or one that starts with a NUL."""
    OPEN = "open"
    CLOSE = "close"
    ITEM = "item"
    BAD = "bad"
    """corosync refuses it."""


class Line(NamedTuple):
    """One line. ``raw`` is all of it, with its end: joined, the lines are the file."""

    number: int
    raw: bytes
    kind: Kind
    name: str = ""
    """Of the section or key; for BAD the reason."""
    value: str = ""
    start: int = 0
    """Where in ``raw`` the value starts, and how many bytes it has."""
    length: int = 0


class Problem(NamedTuple):
    """Why corosync refuses to read on."""

    line: int
    reason: str


def decode(data: bytes) -> str:
    """Text that encodes back to the same bytes, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of text that ``decode`` gave, or that a person typed."""
    return text.encode("utf-8", "surrogateescape")


def scan(data: bytes) -> tuple[Line, ...]:
    """Cut a file into lines and say what each is."""
    lines: list[Line] = []
    start = 0
    number = 1
    while start < len(data):
        raw, refused = _next(data, start)
        lines.append(Line(number, raw, Kind.BAD, refused) if refused else _classify(raw, number))
        number += raw.endswith(b"\n")
        start += len(raw)
    return tuple(lines)


def too_long(section: str, name: str) -> bool:
    """Whether cmap has no room for a name in a section of this path."""
    return len(encode(section)) + len(encode(name)) > PATH_MAX


def path_problem(section: str, key: str) -> str:
    """Why cmap cannot hold this key of a section of this path; empty if it can."""
    path = f"{section}.{key}" if section else key
    if PATH_MIN <= len(path) <= PATH_MAX and _NAME.fullmatch(path):
        return ""
    if BOM in path:
        return "the file starts with a byte order mark (BOM), which corosync takes for part of a name"
    if too_long(section, key):
        return f"the name is longer than {PATH_MAX} characters with its sections"
    if len(path) < PATH_MIN:
        return f"the name {path!a} is shorter than {PATH_MIN} characters"
    if not _NAME.fullmatch(path):
        return f"the name {path!a} has characters other than letters, digits and . _ - / :"
    return ""


def _next(data: bytes, start: int) -> tuple[bytes, str]:
    """The line at ``start`` and why corosync cannot take it in; empty if it can."""
    newline = data.find(b"\n", start)
    end = len(data) if newline < 0 else newline + 1
    if data[start] == 0:
        # Ignored, but only as much of it as fits the buffer: the rest counts as a line of its own.
        return data[start : min(end, start + _BUFFER)], ""
    raw = data[start:end]
    if len(raw) - (newline >= 0) > LINE_MAX:
        return raw, f"the line is longer than {LINE_MAX} bytes"
    if newline >= 0 and b"\0" in raw:
        return raw, "the line has a NUL byte"
    return raw, ""


def _classify(raw: bytes, number: int) -> Line:
    body = _body(raw)
    text = body.lstrip(b" \t")
    if not text or text.startswith(b"#"):
        return Line(number, raw, Kind.IGNORED)
    if b"{" in text:
        return _opening(raw, number, text)
    if b":" in text:
        return _item(raw, number, body)
    if b"}" in text:
        return _closing(raw, number, text)
    return _bad(raw, number, "the line neither opens nor closes a section and is no key and value")


def _body(raw: bytes) -> bytes:
    """What corosync sees of a line: to the first NUL, without its end and trailing blanks."""
    body = raw.partition(b"\0")[0] if b"\0" in raw else raw
    return body.removesuffix(b"\n").removesuffix(b"\r").rstrip(b" \t")


def _opening(raw: bytes, number: int, text: bytes) -> Line:
    name, rest = text.split(b"{", 1)
    if rest.strip(b" \t"):
        return _bad(raw, number, "there is more after the opening brace; one key stands on a line")
    name = _strip_marks(name)
    if not name:
        return _bad(raw, number, "the opening brace has no section name before it")
    return Line(number, raw, Kind.OPEN, decode(name))


def _closing(raw: bytes, number: int, text: bytes) -> Line:
    if text != b"}":
        return _bad(raw, number, "there is more before or after the closing brace")
    return Line(number, raw, Kind.CLOSE)


def _item(raw: bytes, number: int, body: bytes) -> Line:
    colon = body.index(b":")
    value = body[colon + 1 :].lstrip(b" \t")
    start = len(body) - len(value)
    # corosync cuts the key off one byte before the value and then takes colons and blanks off its end,
    # but never its first byte: " : 1" is a key named ":".
    name = _strip_marks(body[: start - 1])
    return Line(number, raw, Kind.ITEM, decode(name), decode(value), start, len(value))


def _strip_marks(name: bytes) -> bytes:
    name = name.lstrip(b" \t")
    return name[:1] + name[1:].rstrip(b" \t:{")


def _bad(raw: bytes, number: int, reason: str) -> Line:
    if raw.startswith(encode(BOM)):
        reason = "the file starts with a byte order mark (BOM)"
    return Line(number, raw, Kind.BAD, reason)
