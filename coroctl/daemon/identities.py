"""From a file's bytes to the core's word for which file it is, and whether it may be loaded at all."""

from __future__ import annotations

from coroctl.conf.identity import identity
from coroctl.conf.lint import Severity, lint
from coroctl.decision.values import Identity
from coroctl.errors import CoroctlError


class UnsoundFile(CoroctlError):
    """Lint found errors in a file that was to be distributed or loaded."""


def identity_of(data: bytes) -> Identity:
    """Number and sha256. ConfigError if corosync could not parse the file."""
    found = identity(data)
    return Identity(found.config_version, found.sha256)


def insist_sound(data: bytes, name: str) -> None:
    """Raises UnsoundFile unless lint finds no error in these very bytes.

    A running corosync aborts when it reloads certain files (a config_version that is no number, a section inside
    logger_subsys), on every node that has one: nothing may be put in place that did not come through here. And a
    daemon does not start on a file with errors, so none is handed out either.
    """
    errors = [finding for finding in lint(data, name) if finding.severity is Severity.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise UnsoundFile(f"{errors[0]}{more}")
