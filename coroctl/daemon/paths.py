"""Where the daemon's files are. One value, so that tests and packagers can move them all."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Paths(NamedTuple):
    """Absolute paths."""

    conf: Path = Path("/etc/corosync/corosync.conf")
    state: Path = Path("/var/lib/corolistener")
    run: Path = Path("/run/corolistener")
    log: Path = Path("/var/log/corolistener.log")

    @property
    def record(self) -> Path:
        """The state file."""
        return self.state / "state.json"

    @property
    def events(self) -> Path:
        """SQLite."""
        return self.state / "events.db"

    @property
    def run_file(self) -> Path:
        """What dies with the boot, and what the guard reads."""
        return self.run / "run.json"

    @property
    def lock(self) -> Path:
        """Held by the one daemon of this node."""
        return self.run / "daemon.lock"

    @property
    def guard(self) -> Path:
        """The guard's socket."""
        return self.run / "guard.sock"
