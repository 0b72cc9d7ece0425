"""libcmap against a running corosync."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from coroctl.corosync.cmap import Cmap, Item, Map, Notification, TrackType, ValueType
from coroctl.corosync.corotypes import Dispatch
from coroctl.errors import BadArgument, CorosyncDenied, CorosyncLost, NoSuchKey
from tests.on_node.corosync_control import events, some

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "coroctltest."
ALL = TrackType.ADD | TrackType.MODIFY | TrackType.DELETE


@pytest.fixture(autouse=True)
def no_keys_left(cmap: Cmap) -> Iterator[None]:
    yield
    for key in cmap.read(PREFIX):
        cmap.delete(key)


VALUES = [
    (-5, ValueType.INT8),
    (250, ValueType.UINT8),
    (-30000, ValueType.INT16),
    (65535, ValueType.UINT16),
    (-(2**31), ValueType.INT32),
    (2**32 - 1, ValueType.UINT32),
    (-(2**63), ValueType.INT64),
    (2**64 - 1, ValueType.UINT64),
    (0.5, ValueType.FLOAT),
    (1e300, ValueType.DOUBLE),
    ("naïve \udce9", ValueType.STRING),
    ("", ValueType.STRING),
    (b"\0raw\0", ValueType.BINARY),
    (b"", ValueType.BINARY),
]


@pytest.mark.parametrize(("value", "kind"), VALUES)
def test_set_and_get_every_type(cmap: Cmap, value: float | str | bytes, kind: ValueType) -> None:
    cmap.set(f"{PREFIX}key", value, kind)
    assert cmap.get(f"{PREFIX}key") == value
    assert [item.type for item in cmap.iter(f"{PREFIX}key")] == [kind]


def test_get_grows_with_the_value(cmap: Cmap) -> None:
    for length in (1, 511, 512, 513, 5000, 16384, 7):
        cmap.set(f"{PREFIX}key", b"x" * length, ValueType.BINARY)
        assert cmap.get(f"{PREFIX}key") == b"x" * length


def test_a_value_over_16_kib_is_refused(cmap: Cmap) -> None:
    with pytest.raises(BadArgument):
        cmap.set(f"{PREFIX}key", b"x" * 16385, ValueType.BINARY)


def test_get_and_delete_of_a_key_that_does_not_exist(cmap: Cmap) -> None:
    with pytest.raises(NoSuchKey, match=r"^cmap_get: coroctltest.none: does not exist$"):
        cmap.get(f"{PREFIX}none")
    with pytest.raises(NoSuchKey):
        cmap.delete(f"{PREFIX}none")


@pytest.mark.parametrize("key", ["", "ab", "with space", "ключ", "k" * 256, "k" * 5000])
def test_a_name_that_no_key_can_have(cmap: Cmap, key: str) -> None:
    with pytest.raises(BadArgument):
        cmap.set(key, 1, ValueType.UINT8)
    with pytest.raises((NoSuchKey, BadArgument)):
        cmap.get(key)


def test_delete(cmap: Cmap) -> None:
    cmap.set(f"{PREFIX}key", 1, ValueType.UINT8)
    cmap.delete(f"{PREFIX}key")
    with pytest.raises(NoSuchKey):
        cmap.get(f"{PREFIX}key")


def test_inc_and_dec(cmap: Cmap) -> None:
    cmap.set(f"{PREFIX}key", 7, ValueType.UINT32)
    cmap.inc(f"{PREFIX}key")
    cmap.inc(f"{PREFIX}key")
    cmap.dec(f"{PREFIX}key")
    assert cmap.get(f"{PREFIX}key") == 8


def test_inc_of_a_string_is_refused(cmap: Cmap) -> None:
    cmap.set(f"{PREFIX}key", "7", ValueType.STRING)
    with pytest.raises(BadArgument):
        cmap.inc(f"{PREFIX}key")


def test_the_nodelist_is_read_only(cmap: Cmap) -> None:
    with pytest.raises(CorosyncDenied, match="access denied"):
        cmap.set("nodelist.node.0.name", "x", ValueType.STRING)


def test_iter_gives_keys_with_length_and_type(cmap: Cmap) -> None:
    cmap.set(f"{PREFIX}b", "four", ValueType.STRING)
    cmap.set(f"{PREFIX}a", 1, ValueType.UINT16)
    cmap.set("coroctltesu", 1, ValueType.UINT16)
    found = list(cmap.iter(PREFIX))
    cmap.delete("coroctltesu")
    assert found == [Item(f"{PREFIX}a", 2, ValueType.UINT16), Item(f"{PREFIX}b", 5, ValueType.STRING)]


def test_an_iteration_may_be_left_early_and_nested(cmap: Cmap) -> None:
    for _ in range(300):
        assert next(cmap.iter("nodelist.")).key == next(cmap.iter("nodelist.")).key
    assert len(list(cmap.iter("nodelist."))) > 6


def test_read_of_the_configuration_and_the_state(cmap: Cmap) -> None:
    nodes = cmap.read("nodelist.node.")
    members = cmap.read("runtime.members.")
    ids = [value for key, value in nodes.items() if key.endswith(".nodeid")]
    assert len(ids) == 3
    assert [members[f"runtime.members.{number!s}.status"] for number in ids] == ["joined"] * 3
    assert isinstance(cmap.get("totem.config_version"), int)


def test_read_leaves_out_what_vanishes_meanwhile(cmap: Cmap, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        cmap.set(f"{PREFIX}{name}", 1, ValueType.UINT8)
    fetch = cmap.get

    def get(key: str) -> int | float | str | bytes:
        if key == f"{PREFIX}a":
            cmap.delete(f"{PREFIX}b")
        return fetch(key)

    monkeypatch.setattr(cmap, "get", get)
    assert list(cmap.read(PREFIX)) == [f"{PREFIX}a", f"{PREFIX}c"]


def test_tracking_sees_what_another_connection_does(cmap: Cmap) -> None:
    key = f"{PREFIX}key"
    track = cmap.track_add(PREFIX, ALL | TrackType.PREFIX)
    with Cmap.initialize() as other:
        other.set(key, 1, ValueType.UINT8)
        other.set(key, 1, ValueType.UINT8)
        other.set(key, "new", ValueType.STRING)
        other.delete(key)
    assert some(cmap, 3) == [
        Notification(track, TrackType.ADD, key, 1, None),
        Notification(track, TrackType.MODIFY, key, "new", 1),
        Notification(track, TrackType.DELETE, key, None, "new"),
    ]


def test_tracking_of_one_key_and_one_kind_of_change(cmap: Cmap) -> None:
    track = cmap.track_add(f"{PREFIX}a", TrackType.MODIFY)
    for value in (1, 2):
        cmap.set(f"{PREFIX}ab", value, ValueType.UINT8)
        cmap.set(f"{PREFIX}a", value, ValueType.UINT8)
    assert some(cmap) == [Notification(track, TrackType.MODIFY, f"{PREFIX}a", 2, 1)]


def test_track_delete(cmap: Cmap) -> None:
    track = cmap.track_add("", ALL | TrackType.PREFIX)
    kept = cmap.track_add(f"{PREFIX}end", ALL)
    cmap.track_delete(track)
    cmap.set(f"{PREFIX}end", 1, ValueType.UINT8)
    assert {event.track for event in some(cmap)} == {kept}
    with pytest.raises(NoSuchKey):
        cmap.track_delete(track)
    assert cmap.get(f"{PREFIX}end") == 1


def test_dispatch_takes_one_or_all_and_never_waits(cmap: Cmap) -> None:
    assert cmap.dispatch() == []
    assert cmap.dispatch(Dispatch.ONE_NONBLOCKING) == []
    cmap.track_add(PREFIX, ALL | TrackType.PREFIX)
    for number in range(5):
        cmap.set(f"{PREFIX}{number}", number, ValueType.UINT8)
    events(cmap, lambda seen: len(seen) >= 2)  # all five are there, or come with the next two
    cmap.set(f"{PREFIX}last", 1, ValueType.UINT8)
    cmap.set(f"{PREFIX}more", 1, ValueType.UINT8)
    single = cmap.dispatch(Dispatch.ONE_NONBLOCKING)
    assert len(single) == 1


def test_ten_thousand_notifications_while_gc_runs(cmap: Cmap) -> None:
    cmap.track_add(f"{PREFIX}n", ALL)
    seen: list[Notification] = []
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(10_000):
            cmap.set(f"{PREFIX}n", number, ValueType.UINT32)
            if number % 500 == 499:
                gc.collect()
                seen += some(cmap, 500)
    finally:
        gc.set_threshold(*before)
    assert [event.new for event in seen] == list(range(10_000))
    assert [event.old for event in seen] == [None, *range(9_999)]


def test_statistics_are_a_map_of_their_own(cmap: Cmap) -> None:
    with Cmap.initialize_map(Map.STATS) as stats:
        links = stats.read("stats.knet.")
        assert {value for key, value in links.items() if key.endswith(".connected")} == {1}
        assert isinstance(stats.get("stats.srp.mtt_rx_token"), int)
        with pytest.raises(CorosyncDenied):
            stats.set("stats.srp.mtt_rx_token", 1, ValueType.UINT32)
    assert list(cmap.iter("stats.knet.")) == []
    with Cmap.initialize_map(Map.ICMAP) as icmap:
        assert icmap.get("totem.config_version") == cmap.get("totem.config_version")


def test_after_finalize_every_call_says_so() -> None:
    cmap = Cmap.initialize()
    items = cmap.iter()
    next(items)
    cmap.finalize()
    cmap.finalize()
    with pytest.raises(CorosyncLost, match="the connection is closed"):
        cmap.get("totem.config_version")
    with pytest.raises(CorosyncLost):
        next(items)
    with pytest.raises(CorosyncLost):
        cmap.dispatch()
    with pytest.raises(CorosyncLost):
        cmap.fd_get()


def test_a_forgotten_connection_is_reported() -> None:
    cmap = Cmap.initialize()
    handle = cmap._handle
    with pytest.warns(ResourceWarning, match="Cmap was never finalized"):
        del cmap
    forgotten = object.__new__(Cmap)
    forgotten._handle = handle
    forgotten.finalize()
