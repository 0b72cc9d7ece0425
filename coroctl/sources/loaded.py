"""The configuration file that a node has loaded, as its corolistener hands it out. Blocks; ask on a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.client import Client, ProtocolError

if TYPE_CHECKING:
    from coroctl.model import NodeId


class File(NamedTuple):
    """As it was loaded."""

    data: bytes
    version: int


def loaded_by(node: NodeId, client: Client | None = None) -> File:
    """That node's. CoroctlError says why it cannot be had."""
    told = (client or Client()).conf(node)
    try:
        return File(told["text"].encode("utf-8", "surrogateescape"), int(told["version"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProtocolError("corolistener hands the file out in a way that this coroctl does not know") from None
