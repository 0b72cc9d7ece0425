"""``python -m tests.keys`` writes the README's table of keys anew, from the bindings; a test holds it current."""

from __future__ import annotations

import re
from pathlib import Path

from coroctl.tui.keys import catalogue, shown

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- keys: python -m tests.keys -->\n", "<!-- end of keys -->\n"
WHERE = {
    "TerminalApp": "everywhere",
    "Over": "everywhere",
    "NodeActing": "overview, a node",
    "MachinesScreen": "machines",
    "Overview": "overview",
    "LiveTable": "tables",
    "Follower": "events, the log's end",
    "NodeScreen": "a node",
    "Links": "links",
    "LinkMatrix": "the matrix of links",
    "Alarms": "alarms",
    "ConfigurationScreen": "configuration",
    "Difference": "differences of two files",
    "Listing": "the file",
    "LogScreen": "log",
    "LogView": "a log as a whole",
    "MenuScreen": "menu of actions",
    "SheetDialog": "dialogs",
}


def table() -> str:
    """A row for each part of the console: its keys, and their names."""
    rows: dict[str, dict[str, None]] = {}
    for key in catalogue():
        keys = " ".join(f"`{shown(one)}`" for one in key.keys)
        rows.setdefault(WHERE[key.owner], {})[f"{keys} {key.name or key.text.lower()}"] = None
    lines = [f"| {where} | {', '.join(entries)} |" for where, entries in rows.items()]
    return "\n".join(["| where | keys and their names |", "|---|---|", *lines]) + "\n"


def written(text: str) -> str:
    """The README with the table of now."""
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + table() + END, text, flags=re.DOTALL)


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
