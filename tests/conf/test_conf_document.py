"""The document: what is read is what corosync reads, and no byte is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.conf.lint import lint
from coroctl.conf.stored import stored
from coroctl.errors import ConfigError
from tests.conf import strategies
from tests.conf.samples import GOOD, PACEMAKER, PROXMOX


@pytest.mark.parametrize("data", [GOOD, PROXMOX, PACEMAKER, b"", b"\n", GOOD.replace(b"\n", b"\r\n"), GOOD[:-1]])
def test_round_trip(data: bytes) -> None:
    assert Document.parse(data).render() == data


@given(strategies.any_bytes)
@settings(max_examples=400, deadline=None)
def test_any_bytes_round_trip_or_are_refused_with_a_line(data: bytes) -> None:
    document, problems = Document.survey(data)
    assert document.render() == data
    if problems:
        with pytest.raises(ConfigError) as caught:
            Document.parse(data, "x.conf")
        assert caught.value.line > 0
        assert str(caught.value).isprintable()


@given(strategies.files)
@settings(deadline=None)
def test_well_formed_files_are_taken(data: bytes) -> None:
    assert Document.parse(data).render() == data


@given(strategies.any_bytes)
@settings(max_examples=400, deadline=None)
def test_nothing_crashes_on_any_bytes(data: bytes) -> None:
    for finding in lint(data):
        assert str(finding).isprintable()
        assert finding.line <= data.count(b"\n") + 1
    document, problems = Document.survey(data)
    if not problems:
        assert all(document.get(entry.path) is not None for entry in document.entries())
        read_cluster(document)


def test_last_key_wins() -> None:
    document = Document.parse(b"quorum {\n expected_votes: 3\n}\nquorum {\n expected_votes: 5\n}\n")
    assert document.get("quorum.expected_votes") == "5"
    assert document.get("quorum.two_node") is None


def test_sections_are_in_the_order_of_the_file() -> None:
    document = Document.parse(GOOD)
    nodes = document.sections("nodelist.node")
    assert [node.get("name") for node in nodes] == ["n7", "n9", "n13"]
    assert [node.line for node in nodes] == [16, 23, 29]
    assert document.sections("nodelist")[0].sections("nodelist.node") == nodes


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("kkk: v", "kkk", "v"),
        ("\tkkk :\t v \t", "kkk", "v"),
        ("kkk:v", "kkk", "v"),
        ("kkk:", "kkk", ""),
        ("kkk: a # b", "kkk", "a # b"),
        ("kkk: a:b}c", "kkk", "a:b}c"),
        ("kkk::: 1", "kkk", ":: 1"),
        (" : 1", ":", "1"),
        (":1", "", "1"),
        ("kkk: a\r", "kkk", "a"),
        ("kkk: a\r\r", "kkk", "a\r"),
        ("kkk: \u00a0a\u00a0", "kkk", "\u00a0a\u00a0"),
    ],
)
def test_keys_and_values_as_corosync_cuts_them(line: str, key: str, value: str) -> None:
    document = Document.parse(f"xxx {{\n{line}\n}}\n".encode())
    assert [(entry.key, entry.value) for entry in document.sections("xxx")[0].entries] == [(key, value)]


@pytest.mark.parametrize(("line", "name"), [("aaa{", "aaa"), ("aaa: {", "aaa"), ("::{", ":"), ("kkk: v {", "kkk: v")])
def test_section_names_as_corosync_cuts_them(line: str, name: str) -> None:
    document = Document.parse(f"{line}\n}}\n".encode())
    assert [section.name for section in document.root.children] == [name]


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        (b"kkk: " + b"a" * 505 + b"\n", True),
        (b"kkk: " + b"a" * 506 + b"\n", False),
        (b"kkk: " + b"a" * 504 + b"\r\n", True),
        (b"kkk: " + b"a" * 505 + b"\r\n", False),
        (b"kkk: " + b"a" * 505, True),
        (b"kkk: " + b"a" * 506, False),
        (b"xx {\n" + b"a" * 252 + b": 1\n}\n", False),
        (b"x {\n" + b"a" * 252 + b": 1\n}\n", True),
        (b"a" * 253 + b": 1\n", True),
        (b"a" * 254 + b": 1\n", False),
        (b"a {\n" * 127 + b"}\n" * 127, True),
        (b"a {\n" * 128 + b"}\n" * 128, False),
        (b"\0junk\n", True),
        (b" \0junk\n", False),
        (b"kkk: a\0b", True),
        (b"\0" + b"a" * 600 + b"\n", False),
        (b"\0" + b"a" * 509 + b"\n", True),
        (b"kkk: \xff\n", True),
        (b"\xef\xbb\xbftotem {\n}\n", True),
        (b"\xef\xbb\xbftotem {\nversion: 2\n}\n", False),
    ],
)
def test_limits_as_corosync_has_them(data: bytes, taken: bool) -> None:
    _, problems = Document.survey(data)
    assert (not problems) == taken, problems


def test_error_names_file_line_and_reason() -> None:
    with pytest.raises(ConfigError, match=r"^x\.conf:2: the line neither opens") as caught:
        Document.parse(b"aaa {\njunk\n}\n", "x.conf")
    assert (caught.value.file, caught.value.line) == ("x.conf", 2)


def test_stored_follows_corosync_where_it_surprises() -> None:
    data = b"""\
nodelist {
 node {
  nodeid: 7
  inner {
   nodeid: 9
  }
  after: x
 }
}
logging {
 logger_subsys {
  subsys: CPG
  debug: on
  debug: off
 }
}
totem.token: 5000
totem {
 config_version: -1
 interface {
  linknumber: 1
  mcastport: 5409
  odd: x
 }
}
"""
    assert stored(Document.parse(data)) == {
        "nodelist.node.0.nodeid": 9,
        "nodelist.node.1.after": "x",
        "logging.logger_subsys.CPG.subsys": "CPG",
        "logging.logger_subsys.CPG.debug": "on",
        "totem.token": "5000",
        "totem.config_version": 2**64 - 1,
        "totem.interface.1.mcastport": 5409,
        "totem.interface.odd": "x",
    }
