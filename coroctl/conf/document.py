"""A corosync.conf file as a value: read without loss, and changed without touching any other byte.

Refuses what corosync refuses to parse, and only that. Knows no key and no section by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.scan import Kind, Line, Problem, path_problem, scan, too_long
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Entry(NamedTuple):
    """One ``key: value`` line."""

    path: str
    """Section names and key joined by dots, as cmap writes them."""
    key: str
    value: str
    line: int
    at: int
    """Index among the document's lines."""


class Section(NamedTuple):
    """One section, or the whole file (its path is empty)."""

    path: str
    name: str
    line: int
    start: int
    """Index of the opening line; -1 for the whole file."""
    end: int
    """Index of the closing line; the number of lines for the whole file."""
    entries: tuple[Entry, ...]
    """Its own, not those of nested sections."""
    children: tuple[Section, ...]

    def get(self, key: str) -> str | None:
        """Value of one of its own keys: the last one, as in corosync."""
        entry = self.entry(key)
        return None if entry is None else entry.value

    def entry(self, key: str) -> Entry | None:
        """The line that decides a key's value."""
        return next((entry for entry in reversed(self.entries) if entry.key == key), None)

    def sections(self, path: str) -> tuple[Section, ...]:
        """Nested sections by their full path, in the order of the file."""
        return tuple(section for section in self.walk() if section.path == path and section is not self)

    def walk(self) -> Iterator[Section]:
        """This section and all nested ones, in the order of the file."""
        waiting = [self]
        while waiting:
            section = waiting.pop()
            yield section
            waiting.extend(reversed(section.children))


class Document(NamedTuple):
    """A parsed file. ``set_*``, ``add_*`` and ``remove_*`` return a new one."""

    file: str
    lines: tuple[Line, ...]
    root: Section

    @classmethod
    def parse(cls, data: bytes, file: str = "corosync.conf") -> Document:
        """Read a file's bytes; ConfigError for what corosync refuses to parse."""
        document, problems = cls.survey(data, file)
        if problems:
            raise ConfigError(file, problems[0].line, problems[0].reason)
        return document

    @classmethod
    def survey(cls, data: bytes, file: str = "corosync.conf") -> tuple[Document, tuple[Problem, ...]]:
        """Read as much as can be read, and tell every problem instead of raising the first."""
        lines = scan(data)
        builder = _Builder()
        for index, line in enumerate(lines):
            builder.feed(index, line)
        root = builder.finish(lines)
        return cls(file, lines, root), tuple(builder.problems)

    def render(self) -> bytes:
        """The file's bytes: exactly those that were parsed, but for what was changed."""
        return b"".join(line.raw for line in self.lines)

    def get(self, path: str) -> str | None:
        """Value of ``section.key``: the last one of the file, as in corosync."""
        entry = self.entry(path)
        return None if entry is None else entry.value

    def entry(self, path: str) -> Entry | None:
        """The line that decides the value of ``section.key``."""
        found = [entry for entry in self.entries() if entry.path == path]
        return max(found, key=lambda entry: entry.at, default=None)

    def entries(self) -> Iterator[Entry]:
        """Every key of the file, section by section."""
        for section in self.root.walk():
            yield from section.entries

    def sections(self, path: str) -> tuple[Section, ...]:
        """Sections by their path (``nodelist.node``), in the order of the file."""
        return self.root.sections(path)

    def set(self, path: str, value: str) -> Document:
        """Change the value of ``section.key``; add what is missing."""
        from coroctl.conf import edit

        return edit.set_path(self, path, value)

    def set_in(self, section: Section, key: str, value: str) -> Document:
        """Change a key of this very section; add it if it is missing."""
        from coroctl.conf import edit

        return edit.set_in(self, section, key, value)

    def add_section(self, name: str, entries: Sequence[tuple[str, str]], parent: str = "") -> Document:
        """Add a section at the end of the last section named ``parent``, or of the file."""
        from coroctl.conf import edit

        return edit.add_section(self, name, entries, parent)

    def remove(self, path: str) -> Document:
        """Take every ``section.key`` of this path out; nothing happens if there is none."""
        from coroctl.conf import edit

        return edit.remove_path(self, path)

    def remove_in(self, section: Section, key: str) -> Document:
        """Take a key out of this very section."""
        from coroctl.conf import edit

        return edit.remove_in(self, section, key)

    def remove_section(self, section: Section) -> Document:
        """Take a section out, with all that is in it."""
        from coroctl.conf import edit

        return edit.remove_section(self, section)


class _Open:
    """A section whose closing brace has not come yet."""

    def __init__(self, path: str, line: Line, start: int) -> None:
        self.path = path
        self.line = line
        self.start = start
        self.entries: list[Entry] = []
        self.children: list[Section] = []

    def join(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def close(self, end: int) -> Section:
        children = tuple(self.children)
        return Section(self.path, self.line.name, self.line.number, self.start, end, tuple(self.entries), children)


class _Builder:
    """Nests the lines. Keeps a stack of its own, so that depth costs no recursion."""

    def __init__(self) -> None:
        self.stack = [_Open("", Line(0, b"", Kind.OPEN), -1)]
        self.problems: list[Problem] = []
        self.lost = False
        """Nested too deep: from here on nothing is read, as in corosync."""

    def feed(self, index: int, line: Line) -> None:
        match Kind.IGNORED if self.lost else line.kind:
            case Kind.OPEN:
                self._open(index, line)
            case Kind.CLOSE:
                self._close(index, line)
            case Kind.ITEM:
                self._item(index, line)
            case Kind.BAD:
                self._refuse(line.number, line.name)
            case Kind.IGNORED:
                pass

    def finish(self, lines: tuple[Line, ...]) -> Section:
        while len(self.stack) > 1:
            top = self.stack.pop()
            if not self.lost:
                self._refuse(top.line.number, f"section {top.line.name!a} is not closed: a closing brace is missing")
            self.stack[-1].children.append(top.close(len(lines)))
        return self.stack[0].close(len(lines))

    def _open(self, index: int, line: Line) -> None:
        top = self.stack[-1]
        if too_long(top.path, line.name):
            self._refuse(line.number, "the names of this section and of those around it are too long for cmap")
            self.lost = True
            return
        self.stack.append(_Open(top.join(line.name), line, index))

    def _close(self, index: int, line: Line) -> None:
        if len(self.stack) == 1:
            self._refuse(line.number, "a closing brace without a section that it could close")
            return
        top = self.stack.pop()
        self.stack[-1].children.append(top.close(index))

    def _item(self, index: int, line: Line) -> None:
        top = self.stack[-1]
        reason = path_problem(top.path, line.name)
        if reason:
            self._refuse(line.number, reason)
            return
        top.entries.append(Entry(top.join(line.name), line.name, line.value, line.number, index))

    def _refuse(self, line: int, reason: str) -> None:
        self.problems.append(Problem(line, reason))
