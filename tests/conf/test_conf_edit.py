"""Edits: only what was asked for changes, and it reads back as it was given."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from coroctl.conf.document import Document
from coroctl.errors import ConfigError
from tests.conf import strategies
from tests.conf.samples import GOOD, PROXMOX, changed

DOCUMENT = Document.parse(GOOD)


def test_set_changes_the_value_only() -> None:
    assert DOCUMENT.set("totem.config_version", "8").render() == changed("config_version: 7", "config_version: 8")
    assert DOCUMENT.render() == GOOD


def test_set_in_one_of_many() -> None:
    node = DOCUMENT.sections("nodelist.node")[1]
    assert DOCUMENT.set_in(node, "prio", "101").render() == changed("prio: 40", "prio: 101")


def test_set_keeps_blanks_comments_and_line_ends() -> None:
    data = b"# top\r\nquorum {\r\n\texpected_votes\t:\t3  \t\r\n# end\r\n}\r\n"
    assert Document.parse(data).set("quorum.expected_votes", "5").render() == data.replace(b"\t3 ", b"\t5 ")


def test_set_where_there_was_no_value() -> None:
    assert Document.parse(b"a {\n b:\n}\n").set("a.b", "1").render() == b"a {\n b: 1\n}\n"


def test_a_new_key_is_written_like_the_one_before() -> None:
    data = b"a {\r\n\tkkk:  1\r\n\tb {\r\n\t}\r\n}\r\n"
    assert Document.parse(data).set("a.jjj", "2").render() == data.replace(b"1\r\n", b"1\r\n\tjjj:  2\r\n")


def test_a_new_key_in_an_empty_section() -> None:
    assert Document.parse(b"aaa {\n}\n").set("aaa.kkk", "1").render() == b"aaa {\n  kkk: 1\n}\n"
    nested = b"aaa {\n\tkkk: 1\n\tbbb {\n\t}\n}\n"
    assert Document.parse(nested).set("aaa.bbb.kkk", "1").render() == nested.replace(b"bbb {\n", b"bbb {\n\t\tkkk: 1\n")


def test_a_new_key_makes_its_section() -> None:
    document = Document.parse(GOOD[: GOOD.index(b"corolistener")]).set("corolistener.cloud_ip", "10.0.0.100")
    assert document.render() == GOOD.replace(b"  service: vmmgr.service\n", b"")


def test_an_end_without_newline_gets_one() -> None:
    assert Document.parse(b"a {\n}").add_section("bbb", [("k", "1")]).render() == b"a {\n}\nbbb {\n  k: 1\n}\n"


def test_add_and_remove_a_node_is_nothing() -> None:
    node = [("ring0_addr", "10.0.0.15"), ("name", "n15"), ("nodeid", "15"), ("prio", "5")]
    larger = DOCUMENT.add_section("node", node, "nodelist")
    nodes = larger.sections("nodelist.node")
    assert [one.get("nodeid") for one in nodes] == ["7", "9", "13", "15"]
    assert (
        b"  node {\n    ring0_addr: 10.0.0.15\n    name: n15\n    nodeid: 15\n    prio: 5\n  }\n}\n" in larger.render()
    )
    assert larger.remove_section(nodes[3]).render() == GOOD


def test_remove_takes_every_line_of_the_key() -> None:
    data = b"a {\n kkk: 1\n jjj: 2\n kkk: 3\n}\na {\n kkk: 4\n}\n"
    document = Document.parse(data)
    assert document.remove("a.kkk").render() == b"a {\n jjj: 2\n}\na {\n}\n"
    assert document.remove_in(document.sections("a")[0], "kkk").render() == b"a {\n jjj: 2\n}\na {\n kkk: 4\n}\n"
    assert document.remove("a.zzz").render() == data


@pytest.mark.parametrize(
    "value",
    ["a\nb", "a\rb", "a\0b", "a{", "{a", "a}", " a", "a\t", "\x1b[0m", "\u202e", "\u2028", "é" * 300, "\ud800", "Р"],
)
def test_values_that_would_not_come_back_are_refused(value: str) -> None:
    with pytest.raises(ConfigError):
        DOCUMENT.set("totem.cluster_name", value)
    with pytest.raises(ConfigError):
        DOCUMENT.set("totem.new_key", value)
    with pytest.raises(ConfigError):
        DOCUMENT.add_section("node", [("name", value)], "nodelist")


def test_a_value_that_fits_no_line_with_its_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than 510"):
        DOCUMENT.set("totem.cluster_name", "a" * 500)


@pytest.mark.parametrize("key", ["", "a b", "a:b", "ü", "a{", "#a", "a\n"])
def test_keys_that_corosync_cannot_store_are_refused(key: str) -> None:
    with pytest.raises(ConfigError):
        DOCUMENT.set_in(DOCUMENT.sections("totem")[0], key, "1")
    with pytest.raises(ConfigError):
        DOCUMENT.add_section(key, [])


def test_a_section_of_another_document_is_refused() -> None:
    other = Document.parse(PROXMOX).sections("nodelist.node")[0]
    with pytest.raises(ValueError, match="not of this document"):
        DOCUMENT.set_in(other, "prio", "1")


def test_no_section_to_add_to() -> None:
    with pytest.raises(ConfigError, match="no section 'nowhere'"):
        DOCUMENT.add_section("node", [], "nowhere")


@given(strategies.files, st.data())
@settings(max_examples=200, deadline=None)
def test_a_random_edit_changes_the_edited_value_only(data: bytes, draws: st.DataObject) -> None:
    document = Document.parse(data)
    entries = list(document.entries())
    assume(entries)
    path = draws.draw(st.sampled_from([entry.path for entry in entries]))
    value = draws.draw(strategies.plain_values)
    decided = document.entry(path)
    assert decided is not None
    new = document.set(path, value)
    assert new.get(path) == value
    assert [line.raw for line in new.lines if line.number != decided.line] == [
        line.raw for line in document.lines if line.number != decided.line
    ]
    assert [one for one in new.entries() if one.at != decided.at] == [one for one in entries if one.at != decided.at]


@given(strategies.files, strategies.names, strategies.keys.filter(lambda key: "." not in key), strategies.plain_values)
@settings(max_examples=200, deadline=None)
def test_a_random_addition_adds_lines_only(data: bytes, name: str, key: str, value: str) -> None:
    document = Document.parse(data)
    new = document.set(f"{name}.{key}", value)
    assert new.get(f"{name}.{key}") == value
    kept = [line.raw.rstrip(b"\r\n") for line in document.lines]
    if document.entry(f"{name}.{key}") is None:
        rest = iter(line.raw.rstrip(b"\r\n") for line in new.lines)
        assert all(line in rest for line in kept)


@given(strategies.files, strategies.plain_values)
@settings(max_examples=100, deadline=None)
def test_setting_the_old_value_again_restores_every_byte(data: bytes, value: str) -> None:
    document = Document.parse(data)
    for entry in document.entries():
        if entry.value and entry is document.entry(entry.path) and _is_writable(document, entry.path, entry.value):
            assert document.set(entry.path, value).set(entry.path, entry.value).render() == data


def _is_writable(document: Document, path: str, value: str) -> bool:
    try:
        document.set(path, value)
    except ConfigError:
        return False
    return True
