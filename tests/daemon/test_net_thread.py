"""Calls that wait for the kernel's locks: in order, told on the loop; and what wakes nobody."""

from __future__ import annotations

import asyncio
import threading
from typing import NoReturn

import pytest

from coroctl.daemon.net_thread import KernelThread


def unexpected(error: BaseException) -> NoReturn:
    raise AssertionError(error)


async def in_its_turn(thread: KernelThread) -> None:
    """Whatever was asked for before this has been done, and told."""
    await thread(lambda: None)


async def test_calls_are_made_in_order_on_one_thread_and_answered_on_the_loop() -> None:
    thread = KernelThread("test")
    made: list[tuple[int, int]] = []
    told: list[tuple[int, int]] = []
    for number in range(20):
        thread.begin(
            lambda number=number: made.append((number, threading.get_ident())),  # type: ignore[misc]
            unexpected,
            lambda _none, number=number: told.append((number, threading.get_ident())),  # type: ignore[misc]
        )
    await in_its_turn(thread)
    assert [number for number, _ in made] == list(range(20))
    assert [number for number, _ in told] == list(range(20))
    assert len({ident for _, ident in made} | {threading.get_ident()}) == 2
    assert {ident for _, ident in told} == {threading.get_ident()}


async def test_a_success_without_hurry_is_told_only_when_somebody_catches_up() -> None:
    thread = KernelThread("test")
    told: list[bool] = []
    thread.begin(lambda: True, unexpected, told.append, hurry=False)
    thread.begin(lambda: True, unexpected, told.append, hurry=False)
    await in_its_turn(thread)
    assert told == []
    thread.catch_up()
    assert told == [True, True]
    thread.catch_up()
    assert told == [True, True]


async def test_what_did_not_succeed_is_told_at_once_in_no_hurry_either() -> None:
    thread = KernelThread("test")
    told: list[bool] = []
    failed: list[BaseException] = []
    thread.begin(lambda: False, unexpected, told.append, hurry=False)

    def broken() -> bool:
        raise OSError("no buffer space")

    thread.begin(broken, failed.append, told.append, hurry=False)
    await in_its_turn(thread)
    assert told == [False]
    assert [str(error) for error in failed] == ["no buffer space"]


async def test_an_error_is_raised_where_the_call_was_awaited() -> None:
    thread = KernelThread("test")

    def broken() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await thread(broken)
    assert await asyncio.wait_for(thread(lambda: 7), 10) == 7
