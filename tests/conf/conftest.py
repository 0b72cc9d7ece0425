"""Prints the table of bad files and of what lint said of each, as the record of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

SECTION = "bad input"


def _rows(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    for report in terminalreporter.stats.get("passed", ()):
        if report.when == "call":
            yield from (value for name, value in report.user_properties if name == SECTION)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the rows that the tests recorded with ``record_property``."""
    rows = list(_rows(terminalreporter))
    if rows:
        terminalreporter.section("bad input: what coroctl conf lint says of each case")
        for row in rows:
            terminalreporter.write_line(row)
