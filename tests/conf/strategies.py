# ruff: noqa: E501
"""Generated files: what people write, what corosync takes, and plain noise."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.conf.samples import GOOD, PACEMAKER, PROXMOX

keys = st.sampled_from(["token", "nodeid", "name", "prio", "ring0_addr", "x.y", "a-b", "K_1", "config_version"])
names = st.sampled_from(
    ["totem", "nodelist", "node", "quorum", "interface", "logging", "uidgid", "corolistener", "zzz"]
)
values = st.one_of(
    st.sampled_from(["1", "-1", "on", "10.0.0.7", "a # b", "a}b", "x:y", "", "7 8", "é", "\u202e"]),
    st.text(st.characters(exclude_characters="\n\r{\0", codec="utf-8"), max_size=20),
)
plain_values = st.text(
    st.characters(
        min_codepoint=33, max_codepoint=0x4FF, exclude_characters="{}\xad", exclude_categories=["Cc", "Cs", "Cf"]
    ),
    min_size=1,
    max_size=30,
).filter(lambda value: value.encode()[-1:] != b"\xa0")
blanks = st.sampled_from(["", " ", "  ", "\t", " \t"])
ends = st.sampled_from(["\n", "\n", "\n", "\r\n"])


@st.composite
def items(draw: st.DrawFn) -> str:
    """One key and value."""
    indent, before, after, trailing = (draw(blanks) for _ in range(4))
    return f"{indent}{draw(keys)}{before}:{after}{draw(values)}{trailing}{draw(ends)}"


@st.composite
def comments(draw: st.DrawFn) -> str:
    """A comment or an empty line."""
    return draw(blanks) + draw(st.sampled_from(["# note", "", "#", "# }", "# a: {"])) + draw(ends)


def _section(children: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda indent, name, end, inside: f"{indent}{name} {{{end}{''.join(inside)}{indent}}}{end}",
        blanks,
        names,
        ends,
        children,
    )


lines = st.one_of(items(), comments())
sections = st.recursive(lines, lambda inner: _section(st.lists(inner, max_size=5)), max_leaves=25)
files = st.lists(sections, max_size=8).map(lambda parts: "".join(parts).encode("utf-8", "surrogateescape"))
"""Files that corosync's parser takes."""

noise = st.lists(
    st.one_of(st.sampled_from([b"{", b"}", b":", b"\n", b"\r\n", b"\0", b"#", b" ", b"a", b"totem", b"\xff", b"\xef\xbb\xbf"]), st.binary(max_size=4)),
    max_size=40,
).map(b"".join)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real file with some bytes changed, lost or doubled."""
    data = draw(st.sampled_from([GOOD, PROXMOX, PACEMAKER]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        data = data[:start] + draw(st.one_of(noise, st.binary(max_size=6))) + data[start + draw(st.integers(0, 8)) :]
    return data


any_bytes = st.one_of(files, noise, damaged(), st.binary(max_size=600))
