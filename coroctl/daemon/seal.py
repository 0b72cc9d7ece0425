"""Sealing: AES-256-GCM over datagrams between daemons, and over what one daemon pulls from another.

A datagram is a clear header and a sealed body; the header is authenticated with it. Each life of each sender has a
key of its own, derived from the cluster's key, the cluster's name, the sender and its incarnation; the nonce is a
number drawn at the sender's start, and a counter, which no life repeats. The drawn number is for the life that repeats
an incarnation by bad luck: a node with a lost state file, a cloned one.

Knows what a seal says about a datagram, not whether its sender may send it, nor whether it was seen before.
"""

from __future__ import annotations

import secrets
from enum import Enum
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coroctl.daemon.keys import derive
from coroctl.errors import CoroctlError
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coroctl.daemon.keys import Key

VERSION = 2
"""What this daemon speaks. 2: heartbeats tell of their node's machines."""
OLDEST = 2
"""What it still accepts: the version before its own. There is none before 2, since 1 was never released."""

DATA_MAX = 1 << 20
"""Bytes that one blob may hold."""

_MAGIC = b"CrLi"
_PREFIX = Struct(">4sB")
"""The part of the header that no version changes: magic, protocol version."""
_HEADER = Struct(">4sBBHIQQ4s4s4s")
"""Magic, version, type, body's length (sealed), sender, incarnation, counter, drawn number, cluster, key id."""
_NONCE = Struct(">4sQ")
_TAG_SIZE = 16
HEADER_SIZE = _HEADER.size
BODY_MAX = 60_000
"""Bytes of a datagram's body: with header and tag it still fits into UDP over IPv4."""
_CACHE_MAX = 256

_BLOB_MAGIC = b"CrLb"
_BLOB_HEADER = Struct(">4sB4s12s")
"""Magic, version, key id, nonce."""
BLOB_MAX = _BLOB_HEADER.size + DATA_MAX + _TAG_SIZE
"""Bytes of a sealed blob: more need not be read from a socket."""


class Type(Enum):
    """What a datagram's body is."""

    HEARTBEAT = 1
    REQUEST = 2
    ANSWER = 3


_TYPES = {one.value: one for one in Type}


class Reason(Enum):
    """Why a datagram, or its body, is dropped."""

    SHORT = "it is too short"
    TRAILING = "it has bytes beyond its end"
    NOT_OURS = "it is not from a corolistener"
    VERSION = "it has an unknown protocol version"
    TYPE = "it has an unknown type"
    OTHER_CLUSTER = "it is from a cluster of another name"
    KEY_MISMATCH = "key mismatch"
    FORGED = "it is damaged or forged"
    STRANGER = "its source is not an address of the node that it names, or that node is not in the nodelist"
    OWN_ID = "another node uses this node's id"
    REPLAYED = "it came before"
    MALFORMED = "it is sealed well, but makes no sense"


class Rejected(NamedTuple):
    """A datagram that is dropped, and why."""

    reason: Reason
    detail: str = ""


class Header(NamedTuple):
    """What a datagram says of itself, before anything has been checked."""

    type: Type
    sender: NodeId
    incarnation: int
    counter: int
    drawn: bytes
    cluster: bytes
    key_id: bytes


class Opened(NamedTuple):
    """An authentic datagram."""

    sender: NodeId
    incarnation: int
    counter: int
    type: Type
    body: bytes


class SealError(CoroctlError):
    """What came over TCP cannot be opened."""


class Sealer:
    """Seals what one life of this node sends. There is one of it in a process, or nonces might repeat."""

    def __init__(self, key: Key, cluster_name: str, sender: NodeId, incarnation: int) -> None:
        self._cluster_name = cluster_name
        self._sender = sender
        self._incarnation = incarnation
        self._drawn = secrets.token_bytes(4)
        self._counter = 0
        self.change_key(key)

    def change_key(self, key: Key) -> None:
        """Seal with that one from now on. The counter goes on: no nonce repeats, and nobody takes news for old."""
        self._cipher = _datagram_cipher(key, self._cluster_name, self._sender, self._incarnation)
        self._cluster = _cluster_tag(key, self._cluster_name)
        self._key_id = key.id

    def seal(self, what: Type, body: bytes) -> bytes:
        """A datagram, with the next counter; ValueError if the body has more than BODY_MAX bytes."""
        if len(body) > BODY_MAX:
            raise ValueError(f"a body of {len(body)} bytes; {BODY_MAX} are the limit")
        self._counter += 1
        header = _HEADER.pack(
            _MAGIC,
            VERSION,
            what.value,
            len(body) + _TAG_SIZE,
            self._sender,
            self._incarnation,
            self._counter,
            self._drawn,
            self._cluster,
            self._key_id,
        )
        return header + self._cipher.encrypt(_NONCE.pack(self._drawn, self._counter), body, header)


class Opener:
    """Opens what other nodes have sealed with any of the keys."""

    def __init__(self, keys: Sequence[Key], cluster_name: str) -> None:
        self._keys = {key.id: (key, _cluster_tag(key, cluster_name)) for key in keys}
        self._cluster_name = cluster_name
        self._ciphers: dict[tuple[bytes, NodeId, int], AESGCM] = {}

    def open(self, header: Header, datagram: bytes) -> Opened | Rejected:
        """The body of a datagram whose header was read from it."""
        key, cluster = self._keys.get(header.key_id, (None, b""))
        if key is None:
            return Rejected(Reason.KEY_MISMATCH, self._whose(header.key_id))
        if header.cluster != cluster:
            return Rejected(Reason.OTHER_CLUSTER)
        name = (header.key_id, header.sender, header.incarnation)
        cipher = self._ciphers.get(name)
        known = cipher is not None
        if cipher is None:
            cipher = _datagram_cipher(key, self._cluster_name, header.sender, header.incarnation)
        try:
            nonce = _NONCE.pack(header.drawn, header.counter)
            body = cipher.decrypt(nonce, datagram[HEADER_SIZE:], datagram[:HEADER_SIZE])
        except InvalidTag:
            return Rejected(Reason.FORGED)
        if not known:
            self._keep(name, cipher)
        return Opened(header.sender, header.incarnation, header.counter, header.type, body)

    def _keep(self, name: tuple[bytes, NodeId, int], cipher: AESGCM) -> None:
        """Only for authentic datagrams: forged ones fill nothing, and push nothing out."""
        if len(self._ciphers) >= _CACHE_MAX:
            del self._ciphers[next(iter(self._ciphers))]
        self._ciphers[name] = cipher

    def _whose(self, key_id: bytes) -> str:
        ours = ", ".join(one.hex() for one in self._keys)
        return f"its key has the fingerprint {key_id.hex()}, here is {ours}"


def read_header(datagram: bytes) -> Header | Rejected:
    """The clear part of a datagram. Nothing of it may be believed before the datagram is opened."""
    if len(datagram) < _PREFIX.size:
        return Rejected(Reason.SHORT, f"{len(datagram)} bytes")
    magic, version = _PREFIX.unpack_from(datagram)
    if magic != _MAGIC:
        return Rejected(Reason.NOT_OURS)
    if not OLDEST <= version <= VERSION:
        return Rejected(Reason.VERSION, f"{version}; this daemon speaks {VERSION} and accepts {OLDEST}")
    if len(datagram) < HEADER_SIZE + _TAG_SIZE:
        return Rejected(Reason.SHORT, f"{len(datagram)} bytes")
    _, _, code, length, sender, *rest = _HEADER.unpack_from(datagram)
    surplus = len(datagram) - HEADER_SIZE - length
    if surplus:
        return Rejected(Reason.TRAILING if surplus > 0 else Reason.SHORT, f"{len(datagram)} bytes")
    what = _TYPES.get(code)
    if what is None:
        return Rejected(Reason.TYPE, str(code))
    return Header(what, NodeId(sender), *rest)


def seal_blob(key: Key, cluster_name: str, label: str, data: bytes) -> bytes:
    """Up to DATA_MAX bytes, sealed for this cluster and for what `label` says; ValueError if there are more.

    A blob can be replayed: whoever needs a fresh one puts something of its own choice into the label.
    """
    if len(data) > DATA_MAX:
        raise ValueError(f"{len(data)} bytes; {DATA_MAX} are the limit")
    nonce = secrets.token_bytes(12)
    header = _BLOB_HEADER.pack(_BLOB_MAGIC, VERSION, key.id, nonce)
    return header + _blob_cipher(key, cluster_name).encrypt(nonce, data, header + _text(label))


def open_blob(keys: Sequence[Key], cluster_name: str, label: str, blob: bytes) -> bytes:
    """What was sealed by `seal_blob` with one of the keys for the same cluster and label; SealError says why not."""
    if len(blob) < _BLOB_HEADER.size + _TAG_SIZE:
        raise SealError(f"a sealed answer was cut short ({len(blob)} bytes)")
    if len(blob) > BLOB_MAX:
        raise SealError(f"a sealed answer has {len(blob)} bytes; {BLOB_MAX} are the limit")
    magic, version, key_id, nonce = _BLOB_HEADER.unpack_from(blob)
    if magic != _BLOB_MAGIC:
        raise SealError("whoever answered is not a corolistener")
    if not OLDEST <= version <= VERSION:
        raise SealError(f"the answer has protocol version {version}; this daemon speaks {VERSION}")
    key = next((one for one in keys if one.id == key_id), None)
    if key is None:
        ours = ", ".join(one.fingerprint for one in keys)
        raise SealError(f"key mismatch: the answer's key has the fingerprint {key_id.hex()}, here is {ours}")
    header, sealed = blob[: _BLOB_HEADER.size], blob[_BLOB_HEADER.size :]
    try:
        return _blob_cipher(key, cluster_name).decrypt(nonce, sealed, header + _text(label))
    except InvalidTag as error:
        raise SealError(f"the answer is damaged, forged, or not what was asked for ({label})") from error


def _datagram_cipher(key: Key, cluster_name: str, sender: NodeId, incarnation: int) -> AESGCM:
    return AESGCM(derive(key, f"datagram/{sender}/{incarnation}/{cluster_name}"))


def _blob_cipher(key: Key, cluster_name: str) -> AESGCM:
    return AESGCM(derive(key, f"blob/{cluster_name}"))


def _cluster_tag(key: Key, cluster_name: str) -> bytes:
    return derive(key, f"cluster/{cluster_name}", 4)


def _text(label: str) -> bytes:
    return label.encode("utf-8", "surrogatepass")
