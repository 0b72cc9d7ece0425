"""A line that is typed into the last line of a log. It takes keys at once and in their order, however fast they come:
a widget that must be focused first would get only those after it.

Knows keys and text; what is asked for is the owner's affair.
"""

from __future__ import annotations

from typing import Final, NamedTuple

WORD_ENDS: Final = " /"


class Editor:
    """A text and a place in it."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.at = len(text)

    def insert(self, text: str) -> None:
        """Put it where the cursor is."""
        text = "".join(letter for letter in text if letter.isprintable())
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def press(self, key: str, character: str | None) -> None:
        """A key as Textual names it; those that mean nothing here do nothing."""
        if (place := self._place(key)) is not None:
            self.at = place
        elif (part := self._part(key)) is not None:
            self._cut(*part)
        elif character is not None:
            self.insert(character)

    def _place(self, key: str) -> int | None:
        """Where a key moves the cursor."""
        match key:
            case "left" | "ctrl+b":
                return max(0, self.at - 1)
            case "right" | "ctrl+f":
                return min(len(self.text), self.at + 1)
            case "home" | "ctrl+a":
                return 0
            case "end" | "ctrl+e":
                return len(self.text)
            case _:
                return None

    def _part(self, key: str) -> tuple[int, int] | None:
        """What a key takes away."""
        match key:
            case "backspace" | "ctrl+h":
                return max(0, self.at - 1), self.at
            case "delete" | "ctrl+d":
                return self.at, self.at + 1
            case "ctrl+u":
                return 0, self.at
            case "ctrl+k":
                return self.at, len(self.text)
            case "ctrl+w":
                before = self.text[: self.at].rstrip(WORD_ENDS)
                return max(before.rfind(letter) for letter in WORD_ENDS) + 1, self.at
            case _:
                return None

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.at = start


class Asked(NamedTuple):
    """A prompt as it is painted."""

    sign: str
    before: str
    """Of the cursor."""
    under: str
    after: str
    example: str
    """Shown while nothing is typed."""
