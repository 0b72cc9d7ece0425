"""A journal in a folder, and what is found there afterwards."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coroctl.daemon.eventdb import read_since
from coroctl.daemon.journal import Journal
from coroctl.daemon.rendering import Level, Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def row(number: int, name: str = "x", **details: str | int) -> Row:
    """One of no particular time."""
    return Row(number, 10**15 + number, number, "n7", 12, Level.INFO, name, {**details})


@asynccontextmanager
async def journal_in(folder: Path) -> AsyncIterator[Journal]:
    """One that is closed at the end, so that all it was given is on the disk."""
    journal = await Journal.opened(folder / "events.db", folder / "log", "n7", retry_s=0.01)
    yield journal
    assert await journal.close()


def rows_in(folder: Path, limit: int = 100_000) -> list[Row]:
    """The database."""
    return read_since(folder / "events.db", 0, limit)


def lines_in(folder: Path) -> list[str]:
    """The log."""
    return (folder / "log").read_text().splitlines()


async def named(journal: Journal, name: str, place: str = "") -> Row:
    """Wait for an event of that name, which may have come already."""
    seen: asyncio.Queue[Row] = asyncio.Queue()
    end = journal.subscribe(seen.put_nowait)
    for one in journal.tail():
        seen.put_nowait(one)
    try:
        async with asyncio.timeout(20):
            while True:
                one = await seen.get()
                if one.event == name and one.details.get("place", "") == place:
                    return one
    finally:
        end()
