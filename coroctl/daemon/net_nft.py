"""One context of libnftables: commands in, the reason of a refusal or a listing out.

The only place that knows the Python module `nftables`. The library does not promise to serve two threads at once (with
one context they end in a segmentation fault), so there is one lock for all calls of this process.
"""

from __future__ import annotations

import threading
from typing import Any

from coroctl.errors import CoroctlError

_LONGEST_REASON = 200
_one_at_a_time = threading.Lock()


class GateError(CoroctlError):
    """The dead-man cannot be had here, or the kernel refused it."""


class Nft:
    """GateError if the module or the library is not installed."""

    def __init__(self) -> None:
        self._context = _context()

    def run(self, commands: str) -> str:
        """Carry out the commands as one transaction; "" or, in one line, why nothing of it was done."""
        with _one_at_a_time:
            code, _, error = self._context.cmd(commands)
        if code == 0:
            return ""
        first = str(error).strip().partition("\n")[0].removeprefix("Error: ")
        return first[:_LONGEST_REASON] or f"libnftables answered {code}"

    def listing(self, what: str, *, elements: bool = True) -> str:
        """What `nft list ...` prints; "" if there is no such thing."""
        with _one_at_a_time:
            self._context.set_terse_output(not elements)
            code, listing, _ = self._context.cmd(f"list {what}\n")
        return str(listing) if code == 0 else ""


def _context() -> Any:
    try:
        import nftables  # type: ignore[import-untyped]
    except ImportError:
        raise GateError("the Python module nftables is not installed (Debian package python3-nftables)") from None

    class Context(nftables.Nftables):  # type: ignore[misc]
        def __del__(self) -> None:
            # The module's own raises if its constructor did.
            if hasattr(self, "nft_ctx_free"):
                super().__del__()

    try:
        return Context()
    except OSError:
        raise GateError("libnftables.so.1 is not installed (Debian package libnftables1)") from None
