"""The configuration file of this node, read for somebody who wants to see it: lines, and what lint says of them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.files import load
from coroctl.conf.lint import lint
from coroctl.conf.scan import scan
from coroctl.errors import ConfigError
from coroctl.sources.local_facts import local_facts

if TYPE_CHECKING:
    from coroctl.conf.finding import Finding
    from coroctl.conf.scan import Line


class Reading(NamedTuple):
    """The file as it was at one moment."""

    file: str
    lines: tuple[Line, ...] = ()
    findings: tuple[Finding, ...] = ()
    sha256: str = ""
    reason: str = ""
    """Why there is nothing."""


def read(file: str) -> Reading:
    """Read and judge it. Blocks: the disk, and `ip` is asked for this machine's addresses."""
    try:
        data = load(file)
    except ConfigError as error:
        return Reading(file, reason=str(error))
    return Reading(file, scan(data), lint(data, file, local_facts()), sha256(data).hexdigest())
