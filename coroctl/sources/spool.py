"""Other nodes' logs as a file that grows: in memory, without a name, for whoever can read a file.

A thread of its own asks and waits; the file goes with this process, however that ends.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from coroctl.client import Client
from coroctl.errors import CoroctlError
from coroctl.sources.gathering import Gathering
from coroctl.sources.together import HOLD_S, MOST, Together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from coroctl.model import NodeId
    from coroctl.sources.together import Line

PATIENCE_S = 1.5
"""How long a node that does not answer holds the others' lines up."""
MOST_BYTES = 32 * 1024 * 1024
"""Of a file that is followed for long: then it begins anew."""


class Spool:
    """The newest lines, and what comes from then on."""

    def __init__(self, names: Mapping[NodeId, str], log: str, client: Client | None = None) -> None:
        """`names`: whose, and what they are called. `log`: corolistener or corosync."""
        self._fd = os.memfd_create(f"coroctl-{log}", os.MFD_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        self._size = 0
        self._together = Together(names)
        self._wanted = {"name": f"{log}.log", "lines": MOST, "follow": True}
        self._client = client or Client()
        self._ended = threading.Event()
        threading.Thread(target=self._run, args=(list(names),), name="reads nodes' logs", daemon=True).start()

    def close(self) -> None:
        """Ask no more; any number of times. The file goes when nobody has it open."""
        self._ended.set()

    def _run(self, nodes: list[NodeId]) -> None:
        try:
            with Gathering(self._client, nodes, self._wanted) as source:
                self._begin(source)
                while not self._ended.is_set():
                    self._listen(source)
                    self._write(self._together.settled())
        except CoroctlError as error:
            self._note(str(error))
            self._ended.wait()
        finally:
            os.close(self._fd)

    def _begin(self, source: Gathering) -> None:
        end = time.monotonic() + PATIENCE_S
        while self._together.waited and time.monotonic() < end and not self._ended.is_set():
            self._listen(source)
        self._write(self._together.all())

    def _listen(self, source: Gathering) -> None:
        for complaint in self._together.listen(source, HOLD_S / 2):
            self._note(complaint)

    def _note(self, text: str) -> None:
        self._append(f"--- {text} ---\n".encode())

    def _write(self, lines: Iterable[Line]) -> None:
        rendered = (f"{line.label} {line.text}" if line.label else line.text for line in lines if line.text is not None)
        text = "".join(f"{line.replace(chr(10), ' ')}\n" for line in rendered)
        self._append(text.encode("utf-8", "replace"))

    def _append(self, data: bytes) -> None:
        if self._size + len(data) > MOST_BYTES:
            os.ftruncate(self._fd, 0)
            self._size = 0
        while data:
            written = os.pwrite(self._fd, data, self._size)
            self._size += written
            data = data[written:]
