"""Rules about bytes and lines: what corosync reads otherwise than a person does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from coroctl.conf.finding import error, rule, warning
from coroctl.conf.plain import quoted
from coroctl.conf.scan import BOM, Kind, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.conf.finding import Remark
    from coroctl.conf.subject import Subject

_NOT_PLAIN = re.compile(rb"[^\t\n -~]")


@rule("empty")
def _empty(subject: Subject) -> Iterator[Remark]:
    """corosync 3.1.7: "No interfaces defined", exit 8."""
    if not any(line.kind is not Kind.IGNORED for line in subject.document.lines):
        yield error(0, "the file has no settings; corosync does not start on it")


@rule("bom")
def _bom(subject: Subject) -> Iterator[Remark]:
    """corosync takes it for part of the first name and reports CS_ERR_NAME_TOO_LONG."""
    if subject.data.startswith(encode(BOM)):
        yield error(1, "the file starts with a byte order mark (BOM)", "save it as UTF-8 without BOM")


@rule("crlf")
def _crlf(subject: Subject) -> Iterator[Remark]:
    """Accepted; but two bytes of a line's 510 are gone, and diffs show every line."""
    for line in subject.document.lines:
        if line.raw.endswith(b"\r\n"):
            yield warning(line.number, "lines end in CRLF; corosync accepts that", "dos2unix removes it")
            return


@rule("nul")
def _nul(subject: Subject) -> Iterator[Remark]:
    """A line that starts with a NUL is silently ignored; in the last line it ends the value."""
    for line in subject.document.lines:
        if b"\0" in line.raw:
            yield error(line.number, "the line has a NUL byte; corosync ignores what follows it in the line")


@rule("control-character")
def _control(subject: Subject) -> Iterator[Remark]:
    """corosync passes them on: into its log, cmap, and every terminal that shows a node's name."""
    for line in subject.document.lines if _NOT_PLAIN.search(subject.data) else ():
        shown = decode(line.raw).rstrip("\r\n").replace("\t", " ").replace("\0", "")
        if not shown.isprintable():
            yield _unprintable(line.number, line.kind, shown)


def _unprintable(number: int, kind: Kind, shown: str) -> Remark:
    what = (
        "bytes that are not UTF-8" if _has_surrogates(shown) else "control, invisible or direction-changing characters"
    )
    message = f"the line has {what}: {quoted(shown.strip())}"
    return warning(number, message) if kind is Kind.IGNORED else error(number, message)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


@rule("comment-after-value")
def _comment(subject: Subject) -> Iterator[Remark]:
    """A # starts a comment at the start of a line only."""
    for entry in subject.document.entries():
        if " #" in entry.value or "\t#" in entry.value or entry.value.startswith("#"):
            yield warning(
                entry.line,
                f"the comment after the value is part of the value: {quoted(entry.value)}",
                "put it on a line of its own",
            )


@rule("last-byte")
def _last_byte(subject: Subject) -> Iterator[Remark]:
    """Read in corosync after 3.1.7: the byte 0xA0 counts as a blank at the end of a line; 3.1.7 keeps it (measured)."""
    for entry in subject.document.entries():
        if encode(entry.value)[-1:] == b"\xa0":
            yield warning(
                entry.line,
                f"the last byte of {quoted(entry.value)} is 0xA0, which newer corosync drops like a blank",
                "use another last character",
            )


RULES = (_empty, _bom, _crlf, _nul, _control, _comment, _last_byte)
