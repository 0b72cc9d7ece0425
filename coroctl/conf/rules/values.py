"""What is wrong with one value, given what the table expects."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from coroctl.conf.addresses import address
from coroctl.conf.schema import INTEGERS, Type, integer, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.conf.schema import Key

DEVICE_MAX = 15
UNIT_MAX = 255
UNIT_SUFFIXES = (".service", ".target", ".scope", ".slice", ".socket", ".mount", ".timer", ".path")
HOST_MAX = 253
URI_MAX = 255
URI_SCHEMES = ("qemu+tls", "qemu+ssh", "qemu+libssh", "qemu+libssh2", "qemu+tcp")
"""Of libvirt's transports those that reach another machine and ask nobody for a password."""
_URI = re.compile(r"([a-z_][a-z0-9_.-]*@)?%s(:[1-9][0-9]{0,4})?/system(\?[^#?]*)?")
_UNIT_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@")
_HOST_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")


def problem(key: Key, value: str) -> str:
    """Why the value cannot be; empty if it can."""
    if key.type in INTEGERS:
        return "" if integer(key, value) is not None else f"a whole number from {key.low} to {key.high} is expected"
    check = _CHECKS.get(key.type)
    return check(key, value) if check else ""


def _number(key: Key, value: str) -> str:
    found = number(value)
    # Python, and our daemon, would take "1_000" or other alphabets' digits; a sign is no better.
    if found is not None and value.isascii() and value.isdigit() and key.low <= found <= key.high:
        return ""
    unit = f" {key.unit}" if key.unit else ""
    return f"a whole number from {key.low} to {key.high}{unit} is expected"


def _word(key: Key, value: str) -> str:
    return "" if value in key.choices else f"one of {', '.join(key.choices)} is expected"


def _ipv4(_: Key, value: str) -> str:
    try:
        IPv4Address(value)
    except AddressValueError:
        if address(value):
            return "IPv6 is not supported for the cluster address: the dead-man that silences it is for IPv4"
        return "this is no IPv4 address (write it without a mask)" if "/" in value else "this is no IPv4 address"
    return ""


def _host(_: Key, value: str) -> str:
    if address(value):
        return ""
    if ":" in value:
        return "this is no IPv6 address"
    if value.replace(".", "").isdigit():
        return "this is no IPv4 address"
    if len(value) > HOST_MAX or not _HOST_CHARACTERS.issuperset(value) or value.startswith("-"):
        return "this is neither an address nor a host name"
    return ""


def _libvirt(_: Key, value: str) -> str:
    """What libvirtd would be asked to connect to: a typing error must not be found by the first move."""
    if not value.isascii() or not value.isprintable() or " " in value or len(value) > URI_MAX:
        return f"a URI has at most {URI_MAX} printable ASCII characters, and no blanks"
    scheme, rest = value.split("://", 1) if "://" in value else (value, "")
    if scheme not in URI_SCHEMES:
        return f"one of {', '.join(f'{one}://' for one in URI_SCHEMES)} is expected"
    if value.count("%") != 1 or "%s" not in rest.partition("/")[0]:
        return "exactly one %s is expected, in the place of a node's address"
    if not _URI.fullmatch(rest):
        return "a URI such as qemu+tls://%s/system is expected"
    return ""


def _path(_: Key, value: str) -> str:
    if not value.startswith("/"):
        return "an absolute path is expected"
    return "a path without .. is expected" if ".." in value.split("/") else ""


def _device(_: Key, value: str) -> str:
    if len(value.encode("utf-8", "surrogateescape")) > DEVICE_MAX:
        return f"a device name has at most {DEVICE_MAX} characters"
    if "/" in value or ":" in value or any(character.isspace() for character in value) or value in {".", ".."}:
        return "a device name has no /, no : and no blanks"
    return "a device name does not start with -" if value.startswith("-") else ""


def _unit(_: Key, value: str) -> str:
    if "/" in value:
        return "a unit name has no /: it is no path"
    if value.startswith("-"):
        return "a unit name that starts with - would be taken for an option"
    if not _UNIT_CHARACTERS.issuperset(value):
        return "a unit name has letters, digits and : - _ . \\ @ only"
    if not value.endswith(UNIT_SUFFIXES) or value.startswith("."):
        return "a unit name with its suffix is expected, such as vmmgr.service"
    return f"a unit name has at most {UNIT_MAX} characters" if len(value) > UNIT_MAX else ""


_CHECKS: dict[Type, Callable[[Key, str], str]] = {
    Type.NUMBER: _number,
    Type.WORD: _word,
    Type.IPV4: _ipv4,
    Type.HOST: _host,
    Type.LIBVIRT: _libvirt,
    Type.PATH: _path,
    Type.DEVICE: _device,
    Type.UNIT: _unit,
}
