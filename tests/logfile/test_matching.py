"""A block is searched as if each of its lines had been looked at, only faster."""

from __future__ import annotations

import random
import re

import pytest

from coroctl_widgets.logfile.lines import SPAN, forward
from coroctl_widgets.logfile.matching import Matcher, Pattern, PatternError
from tests.logfile.files import InMemory

PATTERNS = [
    "fail",
    "FAIL",
    "failed to",
    "fail.*receive",
    "^nov",
    "receive$",
    "(warning|error)",
    "[^a-z]receive",
    r"\[totem \]",
    r"a\s+b",
    r"\bto\b",
    "(?=x)x",
    "[F-I]ail",
    r"\x46AIL",
    "é",
    "É|ß",
    ".",
    "^$",
    "x{3}",
]


def junk(seed: int) -> bytes:
    """Lines of words that the patterns are about, with junk and long lines between them."""
    chance = random.Random(seed)  # noqa: S311 - the same every time
    words = [b"FAILED", b"fail", b"to", b"RECEIVE", b"receive\r", b"Nov", b"[TOTEM ]", b"warning", b"a", b"b", b"xxx"]
    words += ["é".encode(), "É".encode(), b"\xff\xfe", b"\0\0", b"x" * (SPAN + 9), b"", b"A_RECEIVE"]
    lines = [b" ".join(chance.choice(words) for _ in range(chance.randrange(6))) for _ in range(300)]
    return b"\n".join(lines)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("text", PATTERNS)
def test_as_line_by_line(text: str, inverse: bool) -> None:
    matcher = Matcher(Pattern(text, inverse))
    flags = re.NOFLAG if any(letter.isupper() for letter in text) else re.IGNORECASE
    for seed in range(4):
        block = junk(seed)
        wanted = [
            line.start
            for line in forward(InMemory(block), 0)
            if (re.search(text, line.data.decode("utf-8", "replace"), flags) is not None) is not inverse
        ]
        assert list(matcher.starts(block, 0)) == wanted


def test_small_letters_match_large_ones() -> None:
    assert Matcher(Pattern("fail")).matches(b"FAILED\n")
    assert not Matcher(Pattern("Fail")).matches(b"FAILED")
    assert Matcher(Pattern(r"\S fail")).matches(b"x FAIL")


@pytest.mark.parametrize("text", ["(", "*", "[", "x{2,1}", "(?P<"])
def test_what_cannot_be_understood_is_said_in_one_line(text: str) -> None:
    with pytest.raises(PatternError, match=r"^not a regular expression: [^\n]*$"):
        Matcher(Pattern(text))


def test_only_plain_texts_are_marked() -> None:
    assert Matcher(Pattern("ab")).spans("xabAB") == [(1, 3), (3, 5)]
    assert Matcher(Pattern("a+")).spans("xaa") == []
    assert Matcher(Pattern("ab", inverse=True)).spans("ab") == []
