"""Lines are the same whichever way one comes, and no reading is without bound."""

from __future__ import annotations

import random

import pytest

from coroctl_widgets.logfile.lines import BLOCK, SPAN, after, before, forward, start_of
from tests.logfile.files import InMemory


def odd_file(seed: int) -> InMemory:
    """Short lines, empty ones, ones around SPAN and its multiples, with or without an end."""
    chance = random.Random(seed)  # noqa: S311 - the same every time
    sizes = [0, 1, 7, 200, SPAN - 1, SPAN, SPAN + 1, 2 * SPAN, 3 * SPAN + 5, BLOCK + 3]
    data = b"\n".join(b"x" * chance.choice(sizes) for _ in range(40))
    return InMemory(data + chance.choice([b"", b"\n"]))


@pytest.mark.parametrize("seed", range(12))
def test_lines_cover_the_file(seed: int) -> None:
    file = odd_file(seed)
    at = 0
    for line in forward(file, 0):
        assert line.start == at
        assert line.start < line.end <= line.start + 2 * SPAN
        assert file.read(line.start, line.end - line.start).rstrip(b"\r\n") == line.data
        at = line.end
    assert at == file.size


@pytest.mark.parametrize("seed", range(12))
def test_backwards_as_forwards(seed: int) -> None:
    file = odd_file(seed)
    everything = list(forward(file, 0))
    assert before(file, file.size, len(everything) + 1) == everything
    for index in range(0, len(everything), 3):
        line = everything[index]
        assert before(file, line.start, 5) == everything[max(0, index - 5) : index]
        assert after(file, line.start, 5) == everything[index : index + 5]


@pytest.mark.parametrize("seed", range(6))
def test_every_byte_belongs_to_the_line_that_has_it(seed: int) -> None:
    file = odd_file(seed)
    for line in forward(file, 0):
        for offset in {line.start, line.start + 1, (line.start + line.end) // 2, line.end - 1}:
            if line.start <= offset < line.end:
                assert start_of(file, offset) == line.start


def test_ends_of_lines() -> None:
    file = InMemory(b"one\r\n\ntwo")
    assert [line.data for line in forward(file, 0)] == [b"one", b"", b"two"]
    assert start_of(file, file.size) == 6
    assert start_of(InMemory(b"one\n"), 4) == 4


def test_an_empty_file_has_no_lines() -> None:
    assert after(InMemory(b""), 0, 3) == []
    assert before(InMemory(b""), 0, 3) == []
    assert start_of(InMemory(b""), 0) == 0


def test_a_file_that_became_shorter_than_it_says_ends() -> None:
    class Shrunk(InMemory):
        @property
        def size(self) -> int:
            return 1 << 40

    file = Shrunk(b"one\ntwo\nhalf")
    assert [line.data for line in after(file, 0, 9)] == [b"one", b"two"]
    assert before(file, 1 << 39, 3) == []
