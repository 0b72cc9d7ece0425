"""corosync asked to judge a file, and to read its own file again; each within a time.

A call into corosync blocks for as long as corosync is frozen and cannot be interrupted. So a reload is asked for on a
thread that is left behind when time is up, one at a time: it ends when corosync thaws or dies, or with the process.
Knows neither what is in a file nor where it should be.
"""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING

from coroctl.corosync.cfg import Cfg
from coroctl.corosync.cmap import Cmap, Map
from coroctl.errors import CoroctlError, CorosyncBusy

if TYPE_CHECKING:
    from pathlib import Path

APPROVE_S = 5.0
RELOAD_S = 5.0
_RETRY_S = 0.05
_VERSION = "totem.config_version"


class NotApproved(CoroctlError):
    """`corosync -t` does not accept the file."""


class NotReloaded(CoroctlError):
    """corosync did not read its file again, or did not take it."""


def approve(path: Path) -> None:
    """Raises NotApproved unless this node's corosync could start with that file. It accepts more than a start does."""
    command = ["corosync", "-t", "-c", str(path)]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=APPROVE_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotApproved(f"corosync -t did not end within {APPROVE_S:g} s") from None
    except OSError as error:
        raise NotApproved(f"corosync -t could not be run: {error.strerror}") from error
    if ended.returncode:
        said = (ended.stdout + ended.stderr).decode("utf-8", "replace").splitlines()
        reason = next((line.strip() for line in said if "error" in line), f"exit code {ended.returncode}")
        raise NotApproved(f"corosync -t does not accept the new file: {reason}")


class Reloader:
    """This node's corosync, as far as reloads go. To be used from one thread."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def reload(self, version: int) -> None:
        """Make corosync (and every other node's, each its own file) reload, and see that it has that version now.

        Raises NotReloaded.
        """
        if self._thread is not None and self._thread.is_alive():
            raise NotReloaded("corosync has not answered the last reload yet: frozen or starved")
        failures: list[CoroctlError] = []
        deadline = time.monotonic() + RELOAD_S
        self._thread = threading.Thread(target=_reload, args=(version, deadline, failures), daemon=True)
        self._thread.start()
        self._thread.join(RELOAD_S)
        if self._thread.is_alive():
            raise NotReloaded(f"corosync did not reload within {RELOAD_S:g} s: frozen or starved")
        if failures:
            raise NotReloaded(f"corosync did not reload: {failures[0]}") from failures[0]


def _reload(version: int, deadline: float, failures: list[CoroctlError]) -> None:
    """On a thread of its own; TRY_AGAIN (a ring is forming) is answered by trying again."""
    pause = threading.Event()
    while True:
        try:
            _reload_once(version)
        except CorosyncBusy as error:
            if time.monotonic() < deadline:
                pause.wait(_RETRY_S)
                continue
            failures.append(error)
        except CoroctlError as error:
            failures.append(error)
        return


def _reload_once(version: int) -> None:
    """When the call returns, this node's corosync has read its file."""
    with Cfg.initialize() as cfg:
        cfg.reload_config()
    with Cmap.initialize_map(Map.ICMAP) as cmap:
        found = cmap.read(_VERSION).get(_VERSION, 0)
    if found != version:
        raise NotReloaded(f"it has config_version {found!r}, and not {version}")
