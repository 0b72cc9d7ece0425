"""What every live source offers: updates, as they happen, to whoever looks. Knows no source and no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.model import Snapshot
    from coroctl.sources.changes import Change


class Update(NamedTuple):
    """A snapshot and when it was true."""

    snapshot: Snapshot
    at: float
    """time.monotonic(), seconds: when its source last spoke. The data's age is counted from here."""
    notes: tuple[Change, ...] = ()
    """What the source itself has to tell, beyond what two snapshots show when compared."""


class Feed(Protocol):
    """A live source. It works on a thread of its own and never blocks its user."""

    def start(self, publish: Callable[[Update], object]) -> None:
        """Begin; ``publish`` is called, on the source's thread, for every change and at least every few seconds."""

    def stop(self) -> None:
        """End, and return at once; a call into a frozen corosync is left behind."""

    def latest(self) -> Update | None:
        """What is known now: also tells when the source itself has fallen silent. None before the first answer."""
