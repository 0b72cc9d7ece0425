"""Rules about single names and values, straight from the table in ``coroctl.conf.schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.finding import error, rule, warning
from coroctl.conf.plain import quoted
from coroctl.conf.rules import values
from coroctl.conf.schema import INTEGERS, OURS, SECTIONS, Type, integer, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coroctl.conf.document import Entry, Section
    from coroctl.conf.finding import Remark
    from coroctl.conf.schema import Key
    from coroctl.conf.subject import Subject

_NO_OTHER_KEYS = frozenset({"uidgid", "totem.interface.member"})
"""Measured: here corosync does not start on an unknown key."""
_MANY = frozenset({"uidgid", "totem.interface.member"})
"""Here a key may be given more than once."""
_LINES_MAX = 20
"""How many line numbers a message has at most."""
_NEEDED = {"logging.logger_subsys": "subsys", "logging.logging_daemon": "name"}
"""Measured: here it does not start without this key."""
_ONCE = {
    "quorum": "last wins, key by key",
    "nodelist": "the second overwrites the first",
    "ihttpd": "",
    "corolistener": "",
}


@rule("unknown-section")
def _unknown_section(subject: Subject) -> Iterator[Remark]:
    """corosync stores what it does not know and says nothing."""
    for above in subject.walk:
        for section in above.children if above.path in SECTIONS or not above.path else ():
            if section.path not in SECTIONS and not _in_node(section):
                yield _misplaced(section) or _unknown(section)


def _unknown(section: Section) -> Remark:
    return warning(section.line, f"unknown section {quoted(section.path)}", _nearest(section.path, SECTIONS))


def _in_node(section: Section) -> bool:
    return section.path.startswith("nodelist.node.")


def _misplaced(section: Section) -> Remark | None:
    """A section of another place: as good as always a closing brace that is missing above."""
    if section.name not in SECTIONS or section.path == section.name:
        return None
    place = section.path.rpartition(".")[0]
    return error(
        section.line,
        f"section {section.name} stands inside {quoted(place)}, where nobody reads it",
        "a } is missing above",
    )


@rule("nested-in-node")
def _nested(subject: Subject) -> Iterator[Remark]:
    """Measured: its keys become the node's own, its closing brace ends the node. It breaks corosync 2.4 (read)."""
    for section in subject.walk:
        if _in_node(section):
            yield error(
                section.line,
                f"section {quoted(section.name)} inside node: corosync takes its keys for the node's,"
                " and what follows it for the next node",
                "use keys instead of a section",
            )


@rule("nested-in-logger")
def _nested_logger(subject: Subject) -> Iterator[Remark]:
    """Measured on 3.1.7: corosync dies of SIGSEGV or SIGABRT, at start and at reload."""
    for section in subject.walk:
        if section.path.startswith(("logging.logger_subsys.", "logging.logging_daemon.")):
            place = quoted(section.path.rpartition(".")[0])
            yield error(section.line, f"corosync crashes on a section inside {place}, also one that runs and reloads")


@rule("unknown-key")
def _unknown_key(subject: Subject) -> Iterator[Remark]:
    """corosync starts on misspelt keys without a word."""
    for section in subject.walk:
        if section.path in SECTIONS or not section.path:
            yield from _unknown_keys(section)


def _unknown_keys(section: Section) -> Iterator[Remark]:
    place = f" in {section.path}" if section.path else " outside of any section"
    make = error if section.path in _NO_OTHER_KEYS else warning
    for entry in section.entries:
        if key_of(section.path, entry.key) is None:
            yield make(
                entry.line,
                f"unknown key {quoted(entry.key)}{place}",
                _nearest(entry.key, SECTIONS.get(section.path, {})),
            )


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    for spelling in dict.fromkeys((name[:64], name[:64].lower())):
        if found := get_close_matches(spelling, sorted(known), 1, 0.6):
            return f"nearest known: {found[0]}"
    return ""


@rule("key-missing")
def _key_missing(subject: Subject) -> Iterator[Remark]:
    """Measured: exit 8, "No subsys key in logger_subsys directive"."""
    for path, key in _NEEDED.items():
        for section in subject.sections(path):
            if section.get(key) is None:
                yield error(section.line, f"{section.name} has no {key}; corosync does not start")


@rule("section-twice")
def _section_twice(subject: Subject) -> Iterator[Remark]:
    """Measured: of two quorum{} the last value of each key wins; nodes of a second nodelist{} overwrite the first's."""
    for path, why in _ONCE.items():
        found = subject.sections(path)
        for section in found[1:]:
            yield error(section.line, f"a second section {path} (the first is in line {found[0].line})", why)


@rule("key-twice")
def _key_twice(subject: Subject) -> Iterator[Remark]:
    """The last wins; in logger_subsys the first (measured)."""
    for section in subject.walk:
        seen: dict[str, list[Entry]] = {}
        for entry in section.entries if section.path not in _MANY else ():
            seen.setdefault(entry.key, []).append(entry)
        for first, *others in seen.values():
            if others:
                yield _twice(section, first, others)


def _twice(section: Section, first: Entry, others: list[Entry]) -> Remark:
    wins = "first" if section.path == "logging.logger_subsys" else "last"
    lines = ", ".join(str(other.line) for other in others[:_LINES_MAX])
    more = f" and {len(others) - _LINES_MAX} more" if len(others) > _LINES_MAX else ""
    return warning(first.line, f"key {quoted(first.key)} is given again in line {lines}{more}; the {wins} wins")


@rule("dotted-name")
def _dotted(subject: Subject) -> Iterator[Remark]:
    """Measured: a number given this way is stored as text, and corosync falls back to its default."""
    for entry in subject.document.root.entries:
        section, _, key = entry.path.rpartition(".")
        if key_of(section, key):
            yield error(
                entry.line, f"{entry.path} is not read as a key of section {section}", f"write it inside {section}"
            )


@rule("value-missing")
def _missing(subject: Subject) -> Iterator[Remark]:
    """corosync stores an empty text; a number without digits it refuses (rule value)."""
    for section, entry, key in _known(subject):
        if not entry.value and key.type not in INTEGERS:
            hint = _expected(key)
            refused = key.refused or entry.path == "nodelist.node.ring0_addr"
            make = error if refused or section.path in OURS or key.choices else warning
            yield make(entry.line, f"{entry.key} has no value", hint)


@rule("value")
def _value(subject: Subject) -> Iterator[Remark]:
    """Numbers out of range and words that are no choice: corosync refuses most at start."""
    for _, entry, key in _known(subject):
        if entry.path == "totem.config_version" or not (entry.value or key.type in INTEGERS):
            continue
        reason = values.problem(key, entry.value)
        if reason:
            yield _wrong(entry, key, reason)


def _wrong(entry: Entry, key: Key, reason: str) -> Remark:
    message = f"{entry.key} is {quoted(entry.value)}: {reason}"
    if key.refused:
        return error(entry.line, message, "corosync does not start on it")
    if key.type is Type.WORD and key.default is None:
        return warning(entry.line, message, "corosync uses its default")
    return error(entry.line, message)


@rule("config-version")
def _config_version(subject: Subject) -> Iterator[Remark]:
    """Measured on 3.1.7: text makes corosync abort (an assertion), and -1 wraps to the largest number there is."""
    key = SECTIONS["totem"]["config_version"]
    for entry in subject.document.entries():
        if entry.path != "totem.config_version":
            continue
        if integer(key, entry.value) is None:
            message = f"config_version is {quoted(entry.value)}, no whole number that fits 64 bits"
            yield error(entry.line, message, "corosync aborts on it, also one that runs and reloads")
        elif entry.value.lstrip().startswith("-"):
            message = f"config_version is {quoted(entry.value)}: corosync wraps it around to a very large number"
            yield error(entry.line, message, "versions count up from 1")


def _expected(key: Key) -> str:
    if key.choices:
        return "one of " + ", ".join(key.choices)
    return f"default {key.default}" if key.default else ""


def _known(subject: Subject) -> Iterator[tuple[Section, Entry, Key]]:
    """Every key that the table knows, with its section."""
    for section in subject.walk:
        for entry in section.entries:
            key = key_of(section.path, entry.key)
            if key is not None:
                yield section, entry, key


RULES = (
    _unknown_section,
    _nested,
    _nested_logger,
    _unknown_key,
    _key_missing,
    _section_twice,
    _key_twice,
    _dotted,
    _missing,
    _value,
    _config_version,
)
