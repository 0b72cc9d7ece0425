"""What daemons hand each other about machines over TCP: bytes, compressed, with a limit on what they become.

Runs on worker threads. Whatever is no such thing is a RowError. Knows no sockets.
"""

from __future__ import annotations

import json
import zlib

from coroctl.daemon.inventory import rows
from coroctl.daemon.inventory.rows import RowError
from coroctl.decision.estate.events import Batch, DomainRead
from coroctl.decision.estate.values import Domain

MOST_BYTES = 256 << 20
LEVEL = 1
"""Machines' XML shrinks to a tenth even so."""


def packed(batch: Batch) -> bytes:
    """Operations, or the whole."""
    return zlib.compress(rows.batch_bytes(batch), LEVEL)


def unpacked(data: bytes) -> Batch:
    """RowError if it is none."""
    return rows.batch(_inflated(data))


def packed_domain(found: DomainRead) -> bytes:
    """A machine as it is, with its definition."""
    one = found.domain
    return zlib.compress(json.dumps([one.name, one.uuid, one.seen.value, found.xml, found.memory_mib]).encode(), LEVEL)


def unpacked_domain(data: bytes) -> DomainRead:
    """Its number is the asker's to fill in. RowError if it is none."""
    row = rows.parsed(_inflated(data))
    if not isinstance(row, list) or len(row) != 5:
        raise RowError("it is no machine")
    name, uuid, seen, xml, memory_mib = row
    domain = Domain(rows.text(name), rows.text(uuid), rows.SEEN(seen))
    return DomainRead(0, domain, rows.text(xml), rows.number(memory_mib))


def _inflated(data: bytes) -> bytes:
    inflating = zlib.decompressobj()
    try:
        found = inflating.decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise RowError(f"it cannot be unpacked: {error}") from error
    if not inflating.eof or inflating.unused_data:
        raise RowError("it is cut short, or too long")
    return found
