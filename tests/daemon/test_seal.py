"""Seals: what opens, what does not and why, and that nothing a stranger can send is anything but a refusal."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coroctl.daemon import seal
from coroctl.daemon.keys import make_key
from coroctl.daemon.seal import (
    BLOB_MAX,
    BODY_MAX,
    DATA_MAX,
    HEADER_SIZE,
    Opened,
    Opener,
    Reason,
    Rejected,
    Sealer,
    SealError,
    Type,
    open_blob,
    read_header,
    seal_blob,
)
from coroctl.model import NodeId

KEY, OLD, FOREIGN = make_key(b"k" * 32), make_key(b"o" * 32), make_key(b"f" * 32)
ONE, TWO = NodeId(1), NodeId(2)
LIFE = 7 << 20


def opened(datagram: bytes, opener: Opener | None = None) -> Opened | Rejected:
    """What the receiving side makes of it."""
    header = read_header(datagram)
    return header if isinstance(header, Rejected) else (opener or Opener([KEY], "c")).open(header, datagram)


def reason(datagram: bytes, opener: Opener | None = None) -> Reason:
    """Why it is dropped."""
    found = opened(datagram, opener)
    assert isinstance(found, Rejected), found
    return found.reason


def test_what_is_sealed_is_opened() -> None:
    sealer = Sealer(KEY, "c", ONE, LIFE)
    opener = Opener([KEY], "c")
    for counter, what in enumerate(Type, 1):
        assert opened(sealer.seal(what, b"body"), opener) == Opened(ONE, LIFE, counter, what, b"body")


def test_the_same_body_never_looks_the_same() -> None:
    sealers = [Sealer(KEY, "c", ONE, LIFE), Sealer(KEY, "c", ONE, LIFE)]
    bodies = [one.seal(Type.HEARTBEAT, b"body" * 8)[HEADER_SIZE:] for one in sealers for _ in range(3)]
    assert len(set(bodies)) == 6


def test_keys_change_without_silence() -> None:
    both = Opener([KEY, OLD], "c")
    assert isinstance(opened(Sealer(OLD, "c", ONE, LIFE).seal(Type.HEARTBEAT, b""), both), Opened)
    assert isinstance(opened(Sealer(KEY, "c", ONE, LIFE).seal(Type.HEARTBEAT, b""), both), Opened)


def test_the_counter_goes_on_with_another_key_and_back() -> None:
    """Else the first key's nonces would be used twice, and what is new would count as replayed."""
    sealer = Sealer(OLD, "c", ONE, LIFE)
    both = Opener([KEY, OLD], "c")
    counters = []
    for key in (OLD, KEY, OLD):
        sealer.change_key(key)
        datagram = sealer.seal(Type.HEARTBEAT, b"")
        found = opened(datagram, both)
        assert isinstance(found, Opened)
        counters.append(found.counter)
        assert isinstance(opened(datagram, Opener([key], "c")), Opened)
    assert counters == [1, 2, 3]


def test_another_key_is_named_by_its_fingerprint() -> None:
    found = opened(Sealer(FOREIGN, "c", ONE, LIFE).seal(Type.HEARTBEAT, b""), Opener([KEY, OLD], "c"))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.KEY_MISMATCH
    assert all(key.fingerprint in found.detail for key in (FOREIGN, KEY, OLD))


def test_another_cluster_with_the_same_key_is_told_apart() -> None:
    assert reason(Sealer(KEY, "other", ONE, LIFE).seal(Type.HEARTBEAT, b"")) is Reason.OTHER_CLUSTER


@pytest.mark.parametrize("size", [0, 1, 3, 4])
def test_shorter_than_the_prefix(size: int) -> None:
    assert reason(Sealer(KEY, "c", ONE, LIFE).seal(Type.HEARTBEAT, b"body")[:size]) is Reason.SHORT


def test_every_truncation_is_short() -> None:
    datagram = Sealer(KEY, "c", ONE, LIFE).seal(Type.HEARTBEAT, b"body")
    assert {reason(datagram[:size]) for size in range(len(datagram))} == {Reason.SHORT}


def test_trailing_bytes() -> None:
    assert reason(Sealer(KEY, "c", ONE, LIFE).seal(Type.HEARTBEAT, b"body") + b"\0") is Reason.TRAILING


def test_strange_magic_version_and_type() -> None:
    datagram = Sealer(KEY, "c", ONE, LIFE).seal(Type.HEARTBEAT, b"body")
    assert reason(b"x" + datagram[1:]) is Reason.NOT_OURS
    for version in (0, seal.VERSION + 1, 255):
        assert reason(datagram[:4] + bytes([version]) + datagram[5:]) is Reason.VERSION
    assert reason(datagram[:5] + b"\x63" + datagram[6:]) is Reason.TYPE


def test_the_version_before_ours_is_accepted_once_there_is_one() -> None:
    assert max(2, seal.VERSION - 1) == seal.OLDEST


def test_every_flipped_bit_is_refused() -> None:
    datagram = Sealer(KEY, "c", ONE, LIFE).seal(Type.HEARTBEAT, b"body")
    opener = Opener([KEY], "c")
    assert isinstance(opened(datagram, opener), Opened)
    for place in range(len(datagram) * 8):
        changed = bytearray(datagram)
        changed[place // 8] ^= 1 << place % 8
        assert isinstance(opened(bytes(changed), opener), Rejected), place


def test_a_header_on_another_body_is_refused() -> None:
    sealer = Sealer(KEY, "c", ONE, LIFE)
    first, second = sealer.seal(Type.HEARTBEAT, b"1"), sealer.seal(Type.HEARTBEAT, b"2")
    assert reason(first[:HEADER_SIZE] + second[HEADER_SIZE:]) is Reason.FORGED


@given(st.binary(max_size=200))
def test_junk_is_refused(junk: bytes) -> None:
    assert isinstance(opened(junk), Rejected)
    assert isinstance(opened(b"CrLi\x01" + junk), Rejected)


def test_ciphers_are_kept_for_authentic_datagrams_only() -> None:
    opener = Opener([KEY], "c")
    for life in range(300):
        datagram = bytearray(Sealer(KEY, "c", ONE, life).seal(Type.HEARTBEAT, b""))
        datagram[-1] ^= 1
        assert reason(bytes(datagram), opener) is Reason.FORGED
    assert not opener._ciphers
    for life in range(300):
        assert isinstance(opened(Sealer(KEY, "c", ONE, life).seal(Type.HEARTBEAT, b""), opener), Opened)
    assert len(opener._ciphers) == seal._CACHE_MAX
    kept = set(opener._ciphers)
    assert isinstance(opened(Sealer(KEY, "c", ONE, 299).seal(Type.HEARTBEAT, b""), opener), Opened)
    assert set(opener._ciphers) == kept


def test_the_largest_body() -> None:
    sealer = Sealer(KEY, "c", ONE, LIFE)
    datagram = sealer.seal(Type.HEARTBEAT, bytes(BODY_MAX))
    assert len(datagram) < 65_507
    assert isinstance(opened(datagram), Opened)
    with pytest.raises(ValueError, match="limit"):
        sealer.seal(Type.HEARTBEAT, bytes(BODY_MAX + 1))


# Blobs


@pytest.mark.parametrize("size", [0, 1, DATA_MAX])
def test_a_blob_is_opened_with_any_of_the_keys(size: int) -> None:
    data = secrets.token_bytes(size)
    blob = seal_blob(OLD, "c", "file/7", data)
    assert len(blob) <= BLOB_MAX
    assert open_blob([KEY, OLD], "c", "file/7", blob) == data


def test_a_blob_that_is_too_large_is_a_bug() -> None:
    with pytest.raises(ValueError, match="limit"):
        seal_blob(KEY, "c", "l", bytes(DATA_MAX + 1))


@pytest.mark.parametrize(
    ("cluster", "label", "words"),
    [("c", "other", "not what was asked for"), ("other", "l", "damaged, forged")],
)
def test_a_blob_is_for_one_cluster_and_one_label(cluster: str, label: str, words: str) -> None:
    with pytest.raises(SealError, match=words):
        open_blob([KEY], cluster, label, seal_blob(KEY, "c", "l", b"data"))


def test_what_is_wrong_with_a_blob_is_said() -> None:
    blob = seal_blob(KEY, "c", "l", b"data")
    changes = {
        "cut short": blob[:30],
        "limit": blob + bytes(BLOB_MAX),
        "not a corolistener": b"HTTP" + blob[4:],
        "protocol version 9": blob[:4] + b"\x09" + blob[5:],
        f"fingerprint {FOREIGN.fingerprint}": seal_blob(FOREIGN, "c", "l", b"data"),
        "damaged": blob + b"\0",
    }
    for words, changed in changes.items():
        with pytest.raises(SealError, match=words):
            open_blob([KEY], "c", "l", changed)


@settings(max_examples=200)
@given(st.data())
def test_no_change_of_a_blob_goes_unseen(data: st.DataObject) -> None:
    blob = bytearray(seal_blob(KEY, "c", "l", b"some data"))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        open_blob([KEY], "c", "l", bytes(blob))
