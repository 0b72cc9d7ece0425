"""Loading, the translation of status to exception, and callbacks: all that needs no corosync."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from typing import Any

import pytest

from coroctl.corosync.cmap import _LIBRARY as LIBCMAP
from coroctl.corosync.cmap import ValueType, _decoded, _encoded
from coroctl.corosync.connection import Inbox
from coroctl.corosync.corotypes import Status
from coroctl.corosync.library import Library, c_string, check, u32
from coroctl.errors import (
    BadArgument,
    CorosyncBusy,
    CorosyncDenied,
    CorosyncError,
    CorosyncLost,
    LibraryMissing,
    LibraryTooOld,
    NoSuchKey,
)

TRANSLATION = {
    Status.LIBRARY: CorosyncLost,
    Status.BAD_HANDLE: CorosyncLost,
    Status.TRY_AGAIN: CorosyncBusy,
    Status.QUEUE_FULL: CorosyncBusy,
    Status.ACCESS: CorosyncDenied,
    Status.SECURITY: CorosyncDenied,
    Status.NOT_EXIST: NoSuchKey,
    Status.NAME_NOT_FOUND: NoSuchKey,
    Status.INVALID_PARAM: BadArgument,
    Status.NAME_TOO_LONG: BadArgument,
    Status.BAD_FLAGS: BadArgument,
    Status.TOO_BIG: BadArgument,
}


def test_ok_raises_nothing() -> None:
    check(Status.OK, "cmap_get")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_each_status_becomes_its_exception(status: Status) -> None:
    with pytest.raises(CorosyncError) as raised:
        check(status, "cmap_get", "a.key")
    assert type(raised.value) is TRANSLATION.get(status, CorosyncError)
    assert (raised.value.verb, raised.value.status) == ("cmap_get", status.name)
    assert str(raised.value).startswith("cmap_get: a.key: ")


def test_a_status_that_no_header_names_is_an_error_too() -> None:
    with pytest.raises(CorosyncError, match=r"^cmap_get: status 77$"):
        check(77, "cmap_get")


def test_missing_library_names_the_debian_package() -> None:
    absent = Library({"libcoroctl-absent.so.1": "libcoroctl1", "libcoroctl-absent.so.0": "libcoroctl0"}, {})
    with pytest.raises(LibraryMissing) as raised:
        absent.call("cmap_initialize")
    assert str(raised.value) == "libcoroctl-absent.so.1 is not installed (Debian package libcoroctl1)"


def test_a_library_is_loaded_under_its_second_name() -> None:
    either = Library({"libcoroctl-absent.so.1": "libcoroctl1", "libc.so.6": "libc6"}, {"abs": (ctypes.c_int,)})
    assert either.status("abs", -3) == 3


def test_missing_symbol_names_the_release() -> None:
    old = Library({"libc.so.6": "libc6"}, {"quorum_model_initialize": ()}, {"quorum_model_initialize": "3.1.0"})
    with pytest.raises(LibraryTooOld) as raised:
        old.call("quorum_model_initialize")
    assert str(raised.value) == "libc.so.6 has no quorum_model_initialize (corosync 3.1.0 or newer is needed)"


def test_importing_the_bindings_loads_no_library() -> None:
    program = (
        "import coroctl.corosync.cmap, coroctl.corosync.quorum, coroctl.corosync.votequorum\n"
        "import coroctl.corosync.cfg, coroctl.corosync.cpg, sys\n"
        "print([name for name in ('libcmap', 'libquorum', 'libvotequorum', 'libcfg', 'libcpg')"
        " if name in open('/proc/self/maps').read()], 'dataclasses' in sys.modules, 'asyncio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False", "False"]


@pytest.mark.parametrize("verb", ["cmap_get", "cmap_track_add", "cmap_finalize"])
def test_every_function_has_its_prototype(verb: str) -> None:
    function: Any = LIBCMAP._look_up(verb)
    assert function.restype is ctypes.c_int
    assert function.argtypes == LIBCMAP._prototypes[verb]


@pytest.mark.parametrize("number", [-1, 2**32])
def test_a_number_that_c_would_cut_off_is_refused(number: int) -> None:
    with pytest.raises(BadArgument, match=str(number)):
        u32("votequorum_setexpected", number)
    assert u32("votequorum_setexpected", 2**32 - 1) == 2**32 - 1


def test_a_text_that_c_would_cut_off_is_refused() -> None:
    with pytest.raises(BadArgument, match="NUL"):
        c_string("cmap_get", "totem\0version")


RANGES = {
    ValueType.INT8: (-(2**7), 2**7 - 1),
    ValueType.UINT8: (0, 2**8 - 1),
    ValueType.INT16: (-(2**15), 2**15 - 1),
    ValueType.UINT16: (0, 2**16 - 1),
    ValueType.INT32: (-(2**31), 2**31 - 1),
    ValueType.UINT32: (0, 2**32 - 1),
    ValueType.INT64: (-(2**63), 2**63 - 1),
    ValueType.UINT64: (0, 2**64 - 1),
}


@pytest.mark.parametrize("kind", RANGES)
def test_integers_keep_their_range(kind: ValueType) -> None:
    for number in RANGES[kind]:
        assert _decoded(kind, _encoded("a.key", number, kind)) == number
    for number in (RANGES[kind][0] - 1, RANGES[kind][1] + 1):
        with pytest.raises(BadArgument, match=f"a.key: {number} is no {kind.name}"):
            _encoded("a.key", number, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("7", ValueType.UINT32),
        (1.5, ValueType.UINT32),
        (b"x", ValueType.STRING),
        ("x", ValueType.BINARY),
        (1e300, ValueType.FLOAT),
        (7, ValueType.STRING),
        ("a\0b", ValueType.STRING),
    ],
)
def test_values_of_another_type_are_refused(value: float | str | bytes, kind: ValueType) -> None:
    with pytest.raises(BadArgument):
        _encoded("a.key", value, kind)


def test_strings_end_at_their_nul_and_keep_foreign_bytes() -> None:
    text = _decoded(ValueType.STRING, b"caf\xe9\0")
    assert isinstance(text, str)
    assert _encoded("a.key", text, ValueType.STRING) == b"caf\xe9"


PLUS = ctypes.CFUNCTYPE(None, ctypes.c_int)


def test_an_exception_in_a_callback_comes_out_of_take_and_loses_no_event() -> None:
    def copied(number: int) -> int:
        if number == 2:
            raise KeyboardInterrupt
        return number

    inbox = Inbox[int]()
    callback = inbox.callback(PLUS, copied)
    for number in (1, 2, 3):
        callback(number)
    with pytest.raises(KeyboardInterrupt):
        inbox.take()
    assert inbox.take() == [1, 3]
    assert inbox.take() == []


def test_the_inbox_keeps_its_callbacks_alive() -> None:
    inbox = Inbox[int]()
    address = ctypes.cast(inbox.callback(PLUS, int), ctypes.c_void_p).value
    assert address is not None
    gc.collect()
    ctypes.cast(address, PLUS)(5)
    assert inbox.take() == [5]
