"""IP addresses as texts of a file give them: recognised, and told apart from host names."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address


def address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is; None for host names and malformed ones."""
    # ip_address() would try both, and of the thousands of values that a file can have most are neither.
    try:
        if ":" in text:
            return IPv6Address(text)
        return IPv4Address(text) if "." in text else None
    except ValueError:
        return None


def same(value: str) -> str:
    """One spelling for all spellings of an address or host name."""
    return str(address(value) or value.lower())
