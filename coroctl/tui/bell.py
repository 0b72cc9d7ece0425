"""When the bell rings: for a critical alarm that is new, and not again and again. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coroctl.alarms import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl.alarms import Alarm, Kind
    from coroctl.model import NodeId

REST_S: Final = 10.0


class Bell:
    """Remembers which alarms there were; what is there when the console starts is seen, and need not be heard."""

    def __init__(self) -> None:
        self._known: frozenset[tuple[Kind, NodeId | None]] | None = None
        self._rung_at = float("-inf")

    def due(self, alarms: Iterable[Alarm], now: float) -> bool:
        """Whether to ring now. `now`: monotonic seconds."""
        critical = frozenset((one.kind, one.node) for one in alarms if one.severity is Severity.CRITICAL)
        known, self._known = self._known, critical
        if known is None or not critical - known or now - self._rung_at < REST_S:
            return False
        self._rung_at = now
        return True
