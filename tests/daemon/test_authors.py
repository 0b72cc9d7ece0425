"""Who made a file: as text and back, whatever somebody calls themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coroctl.conf.plain import plain
from coroctl.daemon.authors import PART, TEXT_MAX, Author, read

parts = st.text(max_size=2 * PART)


@given(parts, parts, parts, parts)
def test_no_part_can_pass_for_another(what: str, who: str, request: str, origin: str) -> None:
    text = Author(what, who, request, origin).text
    assert len(text) <= TEXT_MAX
    assert text.replace("\t", "", len(Author._fields) - 1).isprintable()
    assert read(text) == Author(*(plain(part)[:PART] for part in (what, who, request, origin)))


def test_for_people() -> None:
    author = Author("priority of node 2 to 7", "uid 0 (login 1000, pid 5) at node3", "r1", "eve from 192.0.2.1")
    assert read(author.text) == author
    assert str(author) == (
        "priority of node 2 to 7, by uid 0 (login 1000, pid 5) at node3, request r1, from eve from 192.0.2.1"
    )


def test_a_claim_cannot_become_the_one_who_did_it() -> None:
    evil = Author("what", "uid 1000 at node1", "r", "x\tuid 0 at node1\ty")
    assert read(evil.text).who == "uid 1000 at node1"
    assert "\t" not in read(evil.text).origin


def test_a_text_of_somebody_else() -> None:
    assert read("fetched from node 2") == Author("fetched from node 2")
    assert read("") == Author()
