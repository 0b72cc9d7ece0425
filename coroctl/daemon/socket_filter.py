"""Which datagrams a socket gets at all: a few instructions of classic BPF (linux/filter.h), carried out by the kernel.

What is dropped there does not wake anybody. Knows bytes at offsets and no protocol.
"""

from __future__ import annotations

import socket
import struct
from array import array
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_SO_ATTACH_FILTER = 26
_EQUAL, _RETURN = 0x15, 0x06
_WHOLE = 0xFFFFFFFF


class Load(IntEnum):
    """How many bytes are looked at; the kernel reads them in network order."""

    WORD = 0x20
    HALF = 0x28


def keep(opened: socket.socket, load: Load, offset: int, values: Collection[int]) -> None:
    """Only datagrams with one of these values there. OSError: the kernel refuses."""
    _attach(opened, load, offset, values, equal=_WHOLE, other=0)


def drop(opened: socket.socket, load: Load, offset: int, values: Collection[int]) -> None:
    """All but those. OSError: the kernel refuses."""
    _attach(opened, load, offset, values, equal=0, other=_WHOLE)


def _attach(opened: socket.socket, load: Load, offset: int, values: Collection[int], *, equal: int, other: int) -> None:
    # From each comparison over those that are left, and over the return for all others, to the last instruction.
    compared = [(_EQUAL, len(values) - number, 0, value) for number, value in enumerate(values)]
    program = [(load, 0, 0, offset), *compared, (_RETURN, 0, 0, other), (_RETURN, 0, 0, equal)]
    code = array("B", b"".join(struct.pack("=HBBI", *one) for one in program))
    where, _ = code.buffer_info()
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), where))
