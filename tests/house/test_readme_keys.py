"""The README's table of keys is what the bindings are."""

from __future__ import annotations

from tests.keys import BEGIN, README, table, written


def test_the_table_is_current() -> None:
    text = README.read_text()
    assert BEGIN + table() in text, "run python -m tests.keys"
    assert written(text) == text
