"""The scenario folders: story, commands, expected.

``python -m tests.sim.scenarios NAME ...`` (or ``--all``) writes the expected logs anew.

Read every log that it writes: a scenario is right when its log is what an operator would want, not when it is stable.
"""

from __future__ import annotations

import sys
from pathlib import Path

from coroctl.sim.scenario import parse, play

FOLDER = Path(__file__).parent.parent / "scenarios"


def names() -> list[str]:
    """All of them."""
    return sorted(path.name for path in FOLDER.iterdir() if (path / "commands").exists())


def played(name: str) -> tuple[bool, str]:
    """Whether all promises were kept, and the log."""
    commands = FOLDER / name / "commands"
    violations, log = play(parse(commands.read_text(), str(commands)))
    return not violations, "\n".join(log) + "\n"


def main(words: list[str]) -> int:
    """Write the expected logs of the named scenarios; say which break a promise."""
    broken = 0
    for name in names() if words == ["--all"] else words:
        good, log = played(name)
        (FOLDER / name / "expected").write_text(log)
        if not good:
            broken += 1
            print(f"{name}: breaks a promise")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
