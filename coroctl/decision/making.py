"""What a step in the making has in both cores: the moment, the actions so far, numbers, and when to wake.

Knows neither what an action is nor what a state holds.
"""

from __future__ import annotations

from typing import Generic, TypeVar

NEVER = 1 << 62

A = TypeVar("A")


class Making(Generic[A]):
    """The base of a Turn."""

    __slots__ = ("actions", "now", "numbers", "wake")

    def __init__(self, now: int, numbers: int) -> None:
        self.now = now
        self.numbers = numbers
        """The last number given to an operation."""
        self.wake = NEVER
        self.actions: list[A] = []

    def do(self, action: A) -> None:
        """Ask for an action."""
        self.actions.append(action)

    def number(self) -> int:
        """A fresh number for an operation."""
        self.numbers += 1
        return self.numbers

    def wake_at(self, moment: int) -> None:
        """Something is to be decided at that moment of time to come."""
        if self.now < moment < self.wake:
            self.wake = moment
