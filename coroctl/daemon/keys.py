"""The cluster's key file: reading, making, fingerprints, and the derived keys that alone are ever used.

A key file is text: one ``coroctl-key-1:`` and 64 hexadecimal digits a line, ``#`` comments between. The first key
seals, all of them open. Where ``keyfile`` names corosync's own authkey, its bytes are the one key.

Rotation needs no silence, if each round is finished on all nodes (the daemon reloaded, or restarted) before the next
one begins: add the new key **below** the old one; put it **above**; take the old one away.

Knows neither datagrams nor sockets.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coroctl.errors import CoroctlError

DEFAULT_FILE = "/etc/corolistener/authkey"
KEYS_MAX = 8
KEY_ID_SIZE = 4

_SALT = b"corolistener key 1"
_LINE = re.compile(r"coroctl-key-1:([0-9a-f]{64})")
_AUTHKEY_MIN, _AUTHKEY_MAX = 128, 4096
"""Bytes of an authkey that corosync itself accepts."""
_SIZE_MAX = 64 * 1024
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_HEADER = """\
# The key of this cluster's corolisteners: the same file on every node, root's, mode 0600.
# The first key seals, every one opens. A new one goes below the old one on all nodes, then above it on all nodes;
# then the old one is taken away. After each round: systemctl reload corolistener, on all nodes.
"""


class KeyFileError(CoroctlError):
    """A key file cannot be used, or cannot be made."""

    def __init__(self, file: str, reason: str, remedy: str = "") -> None:
        super().__init__(f"{file}: {reason}" + (f"; {remedy}" if remedy else ""))
        self.file = file
        self.reason = reason


class Key(NamedTuple):
    """A cluster key. What is compared by people, and named in datagrams, is the fingerprint: 8 hexadecimal digits."""

    secret: bytes
    fingerprint: str

    @property
    def id(self) -> bytes:
        """The fingerprint as it stands in datagrams: KEY_ID_SIZE bytes."""
        return bytes.fromhex(self.fingerprint)

    def __repr__(self) -> str:
        """Without the secret: keys get into tracebacks and logs."""
        return f"Key({self.fingerprint})"


def make_key(secret: bytes) -> Key:
    """The key of a secret of any length."""
    unnamed = Key(secret, "")
    return Key(secret, derive(unnamed, "fingerprint", KEY_ID_SIZE).hex())


def derive(key: Key, label: str, length: int = 32) -> bytes:
    """The derived key for one purpose, `length` bytes. Different labels give unrelated keys."""
    # A cluster's name may hold bytes that are no UTF-8; they are in its text as lone surrogates.
    info = label.encode("utf-8", "surrogatepass")
    return HKDF(SHA256(), length, _SALT, info).derive(key.secret)


def generate() -> bytes:
    """The content of a new key file, with one key."""
    return f"{_HEADER}coroctl-key-1:{secrets.token_hex(32)}\n".encode()


def load_keys(path: str | Path = DEFAULT_FILE) -> tuple[Key, ...]:
    """The keys of a file, the one that seals first; KeyFileError says why there are none, and what to do."""
    name = os.fspath(path)
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write to it.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as stream:  # noqa: PTH123 (a descriptor, not a path)
            _check_owner(name, os.fstat(descriptor))
            data = stream.read(_SIZE_MAX + 1)
    except FileNotFoundError as error:
        remedy = "make one on one node with `coroctl keygen`, and copy it to the others"
        raise KeyFileError(name, "there is no key", remedy) from error
    except OSError as error:
        raise KeyFileError(name, error.strerror or str(error)) from error
    return parse_keys(data, name)


def _check_owner(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(name, "this is not a regular file")
    if status.st_uid != 0:
        raise KeyFileError(name, f"it belongs to user {status.st_uid}", f"run `chown root:root {name}`")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise KeyFileError(name, f"others than root may use it (mode {mode:04o})", f"run `chmod 0600 {name}`")


def parse_keys(data: bytes, name: str) -> tuple[Key, ...]:
    """The keys in a file's content; KeyFileError names the file as `name`, and the line."""
    if len(data) > _SIZE_MAX:
        raise KeyFileError(name, f"it has more than {_SIZE_MAX} bytes: this is no key file")
    if data.translate(None, _PRINTABLE):
        return (_authkey(data, name),)
    secrets_found = [_secret(line, number, name) for number, line in _lines(data)]
    if not secrets_found:
        raise KeyFileError(name, "there is no key in it", "make one with `coroctl keygen --force`")
    if len(secrets_found) > KEYS_MAX:
        raise KeyFileError(name, f"it has {len(secrets_found)} keys; {KEYS_MAX} are the limit")
    keys = tuple(make_key(secret) for secret in dict.fromkeys(secrets_found))
    if len({key.id for key in keys}) < len(keys):
        raise KeyFileError(name, "two keys have the same fingerprint", "make another one with `coroctl keygen`")
    return keys


def _lines(data: bytes) -> list[tuple[int, str]]:
    lines = enumerate(data.decode("ascii").splitlines(), 1)
    return [(number, line.strip()) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]


def _secret(line: str, number: int, name: str) -> bytes:
    found = _LINE.fullmatch(line)
    if found is None:  # the line is not shown: it may be nearly a key
        remedy = "expected coroctl-key-1: and 64 hexadecimal digits, as `coroctl keygen` writes it"
        raise KeyFileError(name, f"line {number} is no key", remedy)
    return bytes.fromhex(found[1])


def _authkey(data: bytes, name: str) -> Key:
    if not _AUTHKEY_MIN <= len(data) <= _AUTHKEY_MAX:
        reason = f"{len(data)} binary bytes are neither a key of coroctl nor one of corosync"
        raise KeyFileError(name, f"{reason} ({_AUTHKEY_MIN} to {_AUTHKEY_MAX} bytes)", "make one with `coroctl keygen`")
    return make_key(data)


def write_new(path: str | Path, *, replace: bool = False) -> Key:
    """Make a key file (root's, mode 0600) and its directory; KeyFileError if there is one already.

    With `replace` an existing file is replaced as a whole: nobody ever reads half of it.
    """
    target = Path(path)
    content = generate()
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write(beside, content)
        try:
            if replace:
                beside.replace(target)
            else:
                target.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except FileExistsError as error:
        remedy = "`--show` prints its fingerprint, `--force` replaces it: nodes with the former one are then not heard"
        raise KeyFileError(str(path), "there is a key already", remedy) from error
    except OSError as error:
        raise KeyFileError(str(path), error.strerror or str(error)) from error
    return parse_keys(content, str(path))[0]


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 (a descriptor, not a path)
        os.fchmod(descriptor, 0o600)
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
