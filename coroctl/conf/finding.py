"""What lint says and what it is told: findings, severities, facts of this machine."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coroctl.conf.subject import Subject


class Severity(Enum):
    """How bad it is."""

    ERROR = "error"
    """corosync refuses it, or the cluster would not be safe, or it cannot have been meant."""
    WARNING = "warning"


class Finding(NamedTuple):
    """One thing that is wrong with a file. Every text may be shown as it is."""

    file: str
    line: int
    """From 1; 0 where it concerns the file as a whole."""
    severity: Severity
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.severity.value}: {self.message}{hint}"


class LocalAddress(NamedTuple):
    """An address of this machine."""

    device: str
    address: str
    prefix: int


class LocalFacts(NamedTuple):
    """What lint may know of the machine whose file it is."""

    hostname: str
    addresses: tuple[LocalAddress, ...]


class Remark(NamedTuple):
    """What a rule yields: a finding without file and code."""

    line: int
    severity: Severity
    message: str
    hint: str = ""


class Rule(NamedTuple):
    """One check."""

    code: str
    check: Callable[[Subject], Iterator[Remark]]


def rule(code: str) -> Callable[[Callable[[Subject], Iterator[Remark]]], Rule]:
    """Make a rule of a function; its docstring is the reason."""
    return lambda check: Rule(code, check)


def error(line: int, message: str, hint: str = "") -> Remark:
    """An error."""
    return Remark(line, Severity.ERROR, message, hint)


def warning(line: int, message: str, hint: str = "") -> Remark:
    """A warning."""
    return Remark(line, Severity.WARNING, message, hint)
