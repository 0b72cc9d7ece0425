"""Building blocks of the wire format: each writes one kind of value, and reads exactly what it would have written.

A value has one form only. What is out of range, cut short, or written in another way is a WireError that names the
field. Knows nothing of what the values mean.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import pairwise
from struct import Struct
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
E = TypeVar("E")

RECURRING_MAX = 1024
"""Bytes of what is kept of one sender."""
RECURRING_KEPT = 128


class WireError(CoroctlError):
    """Bytes that are no message, or a value that no message can hold. `field` is its path, empty for the whole."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason

    def within(self, name: str) -> WireError:
        """The same, seen from the record that has the field."""
        return WireError(f"{name}.{self.field}" if self.field else name, self.reason)


class Codec(Protocol[T]):
    """One kind of value."""

    def write(self, value: T) -> bytes:
        """Its bytes; WireError if it is out of range."""
        ...

    def read(self, data: bytes, at: int) -> tuple[T, int]:
        """The value that begins at `at`, and where it ends."""
        ...


def decode(codec: Codec[T], data: bytes) -> T:
    """The value that the bytes are, and nothing else."""
    value, end = codec.read(data, 0)
    if end < len(data):
        raise WireError("", f"{len(data) - end} bytes follow its end")
    return value


class Number:
    """An integer of the width that `code` (of the module struct) says, from `low` to `high`."""

    def __init__(self, code: str, low: int, high: int) -> None:
        self.code = code
        self.low = low
        self.high = high
        self._struct = Struct(">" + code)

    def write(self, value: int) -> bytes:
        """Big endian."""
        self.check(value)
        return self._struct.pack(value)

    def read(self, data: bytes, at: int) -> tuple[int, int]:
        """The number."""
        [value] = _unpack(self._struct, data, at)
        self.check(value)
        return value, at + self._struct.size

    def check(self, value: int) -> None:
        """WireError if it is out of range."""
        if not self.low <= value <= self.high:
            raise WireError("", f"{value} is not within {self.low} and {self.high}")


class Flag:
    """True or false, in a byte."""

    def write(self, value: bool) -> bytes:
        """1 or 0."""
        return b"\1" if value else b"\0"

    def read(self, data: bytes, at: int) -> tuple[bool, int]:
        """The flag."""
        value = data[at : at + 1]
        if value not in {b"\0", b"\1"}:
            raise _cut() if not value else WireError("", f"{value[0]} is neither 0 nor 1")
        return value == b"\1", at + 1


class Choice(Generic[E]):
    """One of the members of an enum, by its place among these: that must never change, new ones stand last."""

    def __init__(self, *members: E) -> None:
        self.members = members
        self._numbers = {member: bytes([number]) for number, member in enumerate(members)}

    def write(self, value: E) -> bytes:
        """A byte."""
        return self._numbers[value]

    def read(self, data: bytes, at: int) -> tuple[E, int]:
        """The member."""
        if at >= len(data):
            raise _cut()
        if data[at] >= len(self.members):
            raise WireError("", f"{data[at]} is unknown")
        return self.members[data[at]], at + 1


class Optional(Generic[T]):
    """A value, or None."""

    def __init__(self, codec: Codec[T]) -> None:
        self._codec = codec

    def write(self, value: T | None) -> bytes:
        """A byte that says whether there is one, and the value."""
        return b"\0" if value is None else b"\1" + self._codec.write(value)

    def read(self, data: bytes, at: int) -> tuple[T | None, int]:
        """The value, if there is one."""
        present, at = FLAG.read(data, at)
        return self._codec.read(data, at) if present else (None, at)


class Sparse(Generic[T]):
    """A value that mostly is the same one: that one is a single byte, and the very same object when it is read."""

    def __init__(self, codec: Codec[T], mostly: T) -> None:
        self._codec = codec
        self._mostly = mostly

    def write(self, value: T) -> bytes:
        """A byte, and the value if it is another one."""
        return b"\0" if value == self._mostly else b"\1" + self._codec.write(value)

    def read(self, data: bytes, at: int) -> tuple[T, int]:
        """The value."""
        another, at = FLAG.read(data, at)
        return self._codec.read(data, at) if another else (self._mostly, at)


class Recurring(Generic[T]):
    """A value at the end of its message that mostly is the one of the last message, or of the sender's last.

    It is neither written nor read a second time: an idle daemon would do little else. The very same object is read.
    """

    def __init__(self, codec: Codec[T]) -> None:
        self._codec = codec
        self._written: tuple[T, bytes] | None = None
        self._read = lru_cache(RECURRING_KEPT)(lambda rest: codec.read(rest, 0))

    def write(self, value: T) -> bytes:
        """Its bytes."""
        if self._written is None or value != self._written[0]:
            self._written = value, self._codec.write(value)
        return self._written[1]

    def read(self, data: bytes, at: int) -> tuple[T, int]:
        """The value. A long one changes with what it tells of, and is not kept."""
        rest = data[at:]
        if len(rest) > RECURRING_MAX:
            return self._codec.read(data, at)
        value, length = self._read(rest)
        return value, at + length


class Text:
    """Text of at most `most` bytes of UTF-8."""

    def __init__(self, most: int) -> None:
        self._length = Number("H", 0, most)

    def write(self, value: str) -> bytes:
        """Its length, then the bytes."""
        try:
            data = value.encode()
        except UnicodeEncodeError as error:
            raise WireError("", "it has half a character") from error
        return self._length.write(len(data)) + data

    def read(self, data: bytes, at: int) -> tuple[str, int]:
        """The text."""
        length, at = self._length.read(data, at)
        if at + length > len(data):
            raise _cut()
        try:
            return data[at : at + length].decode(), at + length
        except UnicodeDecodeError as error:
            raise WireError("", "it is not UTF-8") from error


class Digest:
    """A sha256, told as 64 hexadecimal digits, sent as 32 bytes."""

    def write(self, value: str) -> bytes:
        """The bytes."""
        try:
            data = bytes.fromhex(value)
        except ValueError:
            data = b""
        if len(data) != 32 or data.hex() != value:
            raise WireError("", "it is no sha256 in hexadecimal digits")
        return data

    def read(self, data: bytes, at: int) -> tuple[str, int]:
        """The digits."""
        if at + 32 > len(data):
            raise _cut()
        return data[at : at + 32].hex(), at + 32


class Record(Generic[T]):
    """A named tuple, or a plain one, field by field in its order."""

    def __init__(self, make: type[T], **fields: Codec[Any]) -> None:
        self._fill = _filler(make, fields)
        self._names = tuple(fields)
        self._codecs = tuple(fields.values())

    def write(self, value: T) -> bytes:
        """One field after the other."""
        parts: list[bytes] = []
        try:
            for codec, part in zip(self._codecs, _items(value), strict=True):
                parts.append(codec.write(part))
        except WireError as error:
            raise error.within(self._names[len(parts)]) from None
        return b"".join(parts)

    def read(self, data: bytes, at: int) -> tuple[T, int]:
        """The tuple."""
        values: list[Any] = []
        try:
            for codec in self._codecs:
                value, at = codec.read(data, at)
                values.append(value)
        except WireError as error:
            raise error.within(self._names[len(values)]) from None
        return self._fill(values), at


class Numbers(Generic[T]):
    """A record of numbers only: what there is most of, so it is written and read in one go."""

    def __init__(self, make: type[T], **fields: Number) -> None:
        self._fill = _filler(make, fields)
        self._limits = tuple((name, field.low, field.high) for name, field in fields.items())
        self._struct = Struct(">" + "".join(field.code for field in fields.values()))

    def write(self, value: T) -> bytes:
        """One field after the other."""
        values = _items(value)
        self._check(values)
        return self._struct.pack(*values)

    def read(self, data: bytes, at: int) -> tuple[T, int]:
        """The tuple."""
        values = _unpack(self._struct, data, at)
        self._check(values)
        return self._fill(values), at + self._struct.size

    def _check(self, values: Iterable[int]) -> None:
        for value, (name, low, high) in zip(values, self._limits, strict=True):
            if not low <= value <= high:
                raise WireError(name, f"{value} is not within {low} and {high}")


class Rising(Generic[T]):
    """Rows of tuples, at most `most`, each with a larger first field than the one before."""

    def __init__(self, row: Codec[T], most: int) -> None:
        self._row = row
        self._length = Number("H", 0, most)

    def write(self, value: tuple[T, ...]) -> bytes:
        """Their number, then one row after the other."""
        firsts = [_items(row)[0] for row in value]
        if any(later <= first for first, later in pairwise(firsts)):
            raise WireError("", "the rows are not in rising order")
        return self._length.write(len(value)) + b"".join([self._row.write(row) for row in value])

    def read(self, data: bytes, at: int) -> tuple[tuple[T, ...], int]:
        """The rows."""
        length, at = self._length.read(data, at)
        rows = []
        last = None
        for _ in range(length):
            row, at = self._row.read(data, at)
            first = _items(row)[0]
            if last is not None and first <= last:
                raise WireError("", f"the row of {first} stands behind that of {last}")
            last = first
            rows.append(row)
        return tuple(rows), at


class Several(Generic[T]):
    """At most `most` values of one kind."""

    def __init__(self, codec: Codec[T], most: int) -> None:
        self._codec = codec
        self._length = Number("H", 0, most)

    def write(self, value: tuple[T, ...]) -> bytes:
        """Their number, then one after the other."""
        return self._length.write(len(value)) + b"".join([self._codec.write(one) for one in value])

    def read(self, data: bytes, at: int) -> tuple[tuple[T, ...], int]:
        """The values."""
        length, at = self._length.read(data, at)
        values = []
        for _ in range(length):
            value, at = self._codec.read(data, at)
            values.append(value)
        return tuple(values), at


FLAG = Flag()


def _items(value: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = value
    return found


def _filler(make: type[T], fields: Mapping[str, object]) -> Callable[[Iterable[Any]], T]:
    """A named tuple takes its fields one by one, a plain one all at once. AssertionError if one was forgotten."""
    assert getattr(make, "_fields", tuple(fields)) == tuple(fields), make
    fill: Callable[[Iterable[Any]], T] = getattr(make, "_make", make)
    return fill


def _unpack(layout: Struct, data: bytes, at: int) -> tuple[Any, ...]:
    try:
        return layout.unpack_from(data, at)
    except struct.error as error:
        raise _cut() from error


def _cut() -> WireError:
    return WireError("", "the message ends in it")
