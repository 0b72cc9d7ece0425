"""Text that is safe to show: what would steer a terminal or reverse the reading direction is spelled out."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_plain(text: str) -> bool:
    """Whether every character may be shown as it is."""
    return (text.isascii() and text.isprintable()) or not any(map(_unsafe, text))


def plain(text: str) -> str:
    """The text with every unsafe character as an escape: ``\\x1b``, ``\\u202e``."""
    if is_plain(text):
        return text
    return "".join(_escape(character) if _unsafe(character) else character for character in text)


def quoted(text: str, limit: int = 60) -> str:
    """The text between quotes, shortened, for a message."""
    shown = text if len(text) <= limit else text[: limit - 3] + "..."
    return f"'{plain(shown)}'"


def _unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def _escape(character: str) -> str:
    return character.encode(
        "unicode_escape" if not "\udc80" <= character <= "\udcff" else "ascii", "backslashreplace"
    ).decode("ascii")
