"""Another node's machine, as its corolistener tells it. Blocks; ask on a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.client import Client, ProtocolError
from coroctl.sources.machine import from_json

if TYPE_CHECKING:
    from coroctl.model import NodeId
    from coroctl.sources.machine import Host


def host_of(node: NodeId, client: Client | None = None) -> Host:
    """That node's. CoroctlError says why it is not known."""
    told = (client or Client()).host(node)
    try:
        return from_json(told)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProtocolError("its corolistener tells of its machine in a way that this coroctl does not know") from None
