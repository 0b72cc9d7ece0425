"""Text that is safe to show: what would steer a terminal or reverse the reading direction is spelled out."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text with every unprintable character as an escape: ``\\x1b``, ``\\u202e``."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def quoted(text: str, limit: int = 60) -> str:
    """The text between quotes, shortened, for a message."""
    shown = text if len(text) <= limit else text[: limit - 3] + "..."
    return f"'{plain(shown)}'"
