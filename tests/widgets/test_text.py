"""Whatever comes in: nothing that a terminal obeys, and exactly the cells that were asked for."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroctl_widgets.text import MAX_COMBINING, Align, cells, crop, fit, neutral, skip, split

NASTY = st.sampled_from(
    [
        "\r\x08",
        "\x1b[2J",
        "\x1b]0;t\x07",
        "\u202e",
        "\u200d",
        "\ufe0f",
        "日本",
        "e\u0301",
        "\u0301",
        "🏽",
        "🇩🇪",
        "\ud800",
        "\t",
        "\n",
    ]
)
TEXTS = st.lists(NASTY | st.characters() | st.text(max_size=4), max_size=12).map("".join)
FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(character) in FORBIDDEN for character in text)


@given(TEXTS)
def test_neutral_text_cannot_command_a_terminal(text: str) -> None:
    safe = neutral(text)
    assert is_harmless(safe)
    safe.encode()
    assert neutral(safe) == safe


@given(TEXTS, st.integers(-1, 40), st.sampled_from(Align))
def test_fitted_text_has_exactly_its_width(text: str, width: int, align: Align) -> None:
    fitted = fit(text, width, align)
    assert cells(fitted) == max(0, width)
    assert is_harmless(fitted)


@given(TEXTS, st.integers(0, 40))
def test_cropped_text_is_never_wider(text: str, width: int) -> None:
    assert cells(crop(text, width)) == min(width, cells(neutral(text)))


@given(TEXTS.map(neutral), st.integers(0, 40))
def test_parts_of_a_text_have_the_width_of_the_whole(text: str, width: int) -> None:
    head, rest = split(text, width)
    assert head + rest == text
    assert cells(head) <= width
    assert cells(skip(text, width)) == max(0, cells(text) - width)


@given(TEXTS, TEXTS)
def test_no_text_changes_its_neighbour(left: str, right: str) -> None:
    assert cells(neutral(left) + neutral(right)) == cells(neutral(left)) + cells(neutral(right))
    assert not neutral(right) or cells(neutral(right)[0]) > 0


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain [bold]markup[/bold]", "plain [bold]markup[/bold]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2Jgone", "·[2Jgone"),
        ("ab\u202ecd", "ab·cd"),
        ("no\u00adde1", "no·de1"),
        ("a\tb", "a   b"),
        ("a\r\nb", "a··b"),
        ("e\u0301", "e\u0301"),
        ("\u0301e", "e"),
        ("a" + "\u0301" * 50, "a" + "\u0301" * MAX_COMBINING),
        ("bad \udcff byte", "bad · byte"),
    ],
)
def test_what_is_shown_instead(given_text: str, shown: str) -> None:
    assert neutral(given_text) == shown


def test_a_wide_character_is_never_cut() -> None:
    assert fit("日本語", 4) == "日… "
    assert fit("日本語", 5) == "日本…"
    assert skip("日本語", 1) == " 本語"
