"""Changes to a document: the fewest bytes, in the style of what stands around them.

Every change is parsed again, so that nothing leaves here that corosync would not read as it was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.document import Document
from coroctl.conf.scan import LINE_MAX, Line, encode
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coroctl.conf.document import Section

DEFAULT_INDENT = b"  "
_KEY_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./")
_DIRECTION_MARKS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff"
)


def set_path(document: Document, path: str, value: str) -> Document:
    """Change the line that decides ``section.key``, or add one."""
    entry = document.entry(path)
    if entry is not None:
        return _replace_value(document, entry.at, value)
    parent, _, key = path.rpartition(".")
    if not parent:
        return add_key(document, document.root, key, value)
    found = document.sections(parent)
    if found:
        return add_key(document, found[-1], key, value)
    above, _, name = parent.rpartition(".")
    return add_section(document, name, ((key, value),), above)


def set_in(document: Document, section: Section, key: str, value: str) -> Document:
    """Change the line that decides a key of this section, or add one."""
    _check_belongs(document, section)
    entry = section.entry(key)
    if entry is not None:
        return _replace_value(document, entry.at, value)
    return add_key(document, section, key, value)


def add_key(document: Document, section: Section, key: str, value: str) -> Document:
    """Add a line after the section's last key, written like it."""
    _check_key(document, key)
    _check_value(document, value)
    model = _model(document, section)
    if model is None:
        indent, separator, end = _indent_within(document, section), b": ", _line_end(document, section.start)
    else:
        indent, separator, end = _style(model)
    line = indent + encode(key) + (separator + encode(value)).rstrip(b" \t") + end
    return _insert(document, (_last_entry(section) if model else section.start) + 1, line)


def add_section(document: Document, name: str, entries: Sequence[tuple[str, str]], parent: str) -> Document:
    """Add a section with these keys at the end of the last ``parent``, or of the file."""
    _check_key(document, name)
    for key, value in entries:
        _check_key(document, key)
        _check_value(document, value)
    above = document.root
    if parent:
        found = document.sections(parent)
        if not found:
            raise ConfigError(document.file, 0, f"there is no section {parent!a} to add {name!a} to")
        above = found[-1]
    return _insert(document, above.end, _section_lines(document, above, name, entries))


def remove_path(document: Document, path: str) -> Document:
    """Take out every line of this path: taking only the last would uncover the one before."""
    return _drop(document, {entry.at for entry in document.entries() if entry.path == path})


def remove_in(document: Document, section: Section, key: str) -> Document:
    """Take out every line of a key of this section."""
    _check_belongs(document, section)
    return _drop(document, {entry.at for entry in section.entries if entry.key == key})


def remove_section(document: Document, section: Section) -> Document:
    """Take a section out, from its opening to its closing line."""
    _check_belongs(document, section)
    return _drop(document, set(range(section.start, section.end + 1)))


def _replace_value(document: Document, index: int, value: str) -> Document:
    _check_value(document, value)
    line = document.lines[index]
    before, after = line.raw[: line.start], line.raw[line.start + line.length :]
    gap = b" " if value and not line.length and before.endswith(b":") else b""
    changed = before + gap + encode(value) + after
    return _rebuild(document, [*_raws(document, 0, index), changed, *_raws(document, index + 1)])


def _insert(document: Document, index: int, text: bytes) -> Document:
    before = _raws(document, 0, index)
    if before and not before[-1].endswith(b"\n"):
        before[-1] += _line_end(document, index - 1)
    return _rebuild(document, [*before, text, *_raws(document, index)])


def _drop(document: Document, indices: set[int]) -> Document:
    return _rebuild(document, [line.raw for index, line in enumerate(document.lines) if index not in indices])


def _rebuild(document: Document, raws: list[bytes]) -> Document:
    return Document.parse(b"".join(raws), document.file)


def _raws(document: Document, start: int, end: int | None = None) -> list[bytes]:
    return [line.raw for line in document.lines[start:end]]


def _section_lines(document: Document, above: Section, name: str, entries: Sequence[tuple[str, str]]) -> bytes:
    end = _line_end(document, above.end - 1)
    outer = _child_indent(document, above)
    inner = outer + _unit(document)
    keys = [inner + encode(key) + (b": " + encode(value)).rstrip(b" \t") for key, value in entries]
    return b"".join(line + end for line in [outer + encode(name) + b" {", *keys, outer + b"}"])


def _last_entry(section: Section) -> int:
    return max(entry.at for entry in section.entries)


def _model(document: Document, section: Section) -> Line | None:
    """The line that a new key of this section is written like."""
    return document.lines[_last_entry(section)] if section.entries else None


def _style(line: Line) -> tuple[bytes, bytes, bytes]:
    """Indentation, what stands between key and value, and end of a key's line."""
    indent = _indent(line)
    name = encode(line.name)
    separator = line.raw[len(indent) + len(name) : line.start]
    end = b"\r\n" if line.raw.endswith(b"\r\n") else b"\n"
    plain = line.length and separator.strip(b" \t") == b":"
    return indent, separator if plain else b": ", end


def _indent(line: Line) -> bytes:
    return line.raw[: len(line.raw) - len(line.raw.lstrip(b" \t"))]


def _child_indent(document: Document, above: Section) -> bytes:
    """Indentation of a section in this section: that of a sibling, else of its keys."""
    if above.children:
        return _indent(document.lines[above.children[-1].start])
    model = _model(document, above)
    return _indent(model) if model else _indent_within(document, above)


def _indent_within(document: Document, section: Section) -> bytes:
    if section.start < 0:
        return b""
    if section.children:
        return _indent(document.lines[section.children[0].start])
    return _indent(document.lines[section.start]) + _unit(document)


def _unit(document: Document) -> bytes:
    """One step of indentation: that of the first indented line of a top-level section."""
    for section in document.root.children:
        if section.entries:
            return _indent(document.lines[section.entries[0].at])
    return DEFAULT_INDENT


def _line_end(document: Document, index: int) -> bytes:
    """How lines end around here."""
    for line in (*document.lines[max(index, 0) : index + 1], *document.lines[:1]):
        if line.raw.endswith(b"\n"):
            return b"\r\n" if line.raw.endswith(b"\r\n") else b"\n"
    return b"\n"


def _check_belongs(document: Document, section: Section) -> None:
    known = section.start >= 0 and section in document.sections(section.path)
    if not known and section is not document.root:
        msg = f"section {section.path!a} of line {section.line} is not of this document"
        raise ValueError(msg)


def _check_key(document: Document, key: str) -> None:
    if not key or not _KEY_CHARACTERS.issuperset(key):
        raise ConfigError(document.file, 0, f"{key!a} is no name that corosync could store")


def _check_value(document: Document, value: str) -> None:
    reason = value_problem(value)
    if reason:
        raise ConfigError(document.file, 0, f"the value {value[:60]!a} cannot be written: {reason}")


def value_problem(value: str) -> str:
    """Why a value would not come back as it was written; empty if it would."""
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in value):
        return "it has control characters"
    if not _DIRECTION_MARKS.isdisjoint(value):
        return "it has characters that change the direction of text"
    if "{" in value or "}" in value:
        return "corosync reads a line with an opening brace as a section"
    if value != value.strip(" \t"):
        return "corosync drops blanks at its ends"
    return _bytes_problem(value)


def _bytes_problem(value: str) -> str:
    try:
        encoded = encode(value)
    except UnicodeEncodeError:
        return "it is not text that could be encoded"
    if encoded[-1:] == b"\xa0":
        return "its last byte is 0xA0, which corosync after 3.1.7 drops like a blank"
    return f"it does not fit a line of {LINE_MAX} bytes" if len(encoded) > LINE_MAX else ""
