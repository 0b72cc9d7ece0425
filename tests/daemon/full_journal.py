"""Run by test_journal on a small disk: a journal that is told on stdin what to note, and says what it has.

Each line in is a name of an event; a line out is one event of the journal, its own included.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from coroctl.daemon.journal import Journal
from coroctl.daemon.rendering import Level, Row, brief


def show(row: Row) -> None:
    """Tell the test."""
    print(brief(row), flush=True)


async def main(folder: Path, log: Path) -> None:
    """Until stdin ends."""
    journal = await Journal.opened(folder / "events.db", log, "n7", retry_s=0.05)
    journal.subscribe(show)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        journal.event(Level.INFO, line.decode().strip())
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
