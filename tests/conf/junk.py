"""Files of the largest size that lint reads, each the worst for some of its rules."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.files import SIZE_MAX

if TYPE_CHECKING:
    from collections.abc import Callable


class Junk(NamedTuple):
    """One such file: a text between a head and a tail, as often as there is room for it."""

    name: str
    text: bytes | Callable[[int], bytes]
    """Or what makes one of its number."""
    head: bytes = b""
    tail: bytes = b""

    def data(self) -> bytes:
        """The file."""
        room = SIZE_MAX - len(self.head) - len(self.tail)
        parts = []
        for number in count():
            part = self.text if isinstance(self.text, bytes) else self.text(number)
            room -= len(part)
            if room < 0:
                break
            parts.append(part)
        return b"".join((self.head, *parts, self.tail))


_RANDOM = Random(1)  # noqa: S311 (no secret)
_LETTERS = list(b"rrp_problem_count_mcast_threshold" * 2)


def _shuffled(_: int) -> bytes:
    """A key as hard as any to find the nearest known one for."""
    _RANDOM.shuffle(_LETTERS)
    return bytes(_LETTERS).title() + b":\n"


def _nodes(name: str, inside: Callable[[int], bytes], head: bytes = b"") -> Junk:
    return Junk(name, lambda number: b"node{\n" + inside(number) + b"}\n", head + b"nodelist{\n", b"}\n")


def _eight_links(number: int) -> bytes:
    return b"".join(b"ring%d_addr:::%x\n" % (link, number * 8 + link) for link in range(8))


def _deep(line: bytes) -> bytes:
    return line * 110 + b"}\n" * 110


_OURS = b"corolistener{\ncloud_ip:10.0.0.1\n}\n"
_UDPU = b"totem{\ntransport:udpu\n}\n"
_IN_LOGGER = b"logging{\nlogger_subsys{\n" + b"".join(b"k%x:\n" % number for number in range(3000))

JUNK = [
    *(Junk(ascii(line), line) for line in (b"\n", b"\r\n", b"\0", b"x\n", b"{\n", b"}\n", b"::\n", b"\xff\n")),
    *(Junk(ascii(line), line) for line in (b"a {\n", b"a {\n}\n", b"a{\nb:\n}\n", b"abc: 1\n", b"kkk: \x1b\n")),
    *(Junk(name.decode(), name + b"{\n}\n") for name in (b"totem", b"quorum", b"qb", b"ihttpd", b"corolistener")),
    Junk("random bytes", lambda _: _RANDOM.randbytes(100)),
    Junk("random characters", lambda _: bytes(_RANDOM.choices(b"ab{}: \n\n#\0\xff.", k=100))),
    Junk("different keys", lambda number: b"k%x:\n" % number, b"totem{\n", b"}\n"),
    Junk("300 keys", lambda number: b"k%x:\n" % (number % 300), b"totem{\n", b"}\n"),
    Junk("shuffled keys", _shuffled, b"totem{\n", b"}\n"),
    Junk("different sections", lambda number: b"k%x{\n}\n" % number),
    Junk("short keys in deep sections", b"k:\n", b"a{\n" * 120, b"}\n" * 120),
    Junk("deep sections", _deep(b"a{\n")),
    Junk("deep sections with keys", _deep(b"a{\nb:\n")),
    Junk("deep in a node", _deep(b"a{\nb:\n"), b"nodelist{\nnode{\n", b"}\n}\n"),
    Junk("deep in an interface", _deep(b"a{\nb:\n"), b"totem{\ninterface{\n", b"}\n}\n"),
    Junk("sections in a logger", b"a{\n}\n", _IN_LOGGER, b"}\n}\n"),
    Junk("interfaces", lambda number: b"interface{\nmcastport:%d\n}\n" % number, b"totem{\n", b"}\n"),
    Junk("keys of ihttpd", b"a:\n", b"ihttpd{\ncount:64\n", b"}\n"),
    Junk("keys of corolistener", b"a:\n", b"corolistener{\n", b"}\n"),
    Junk("keys of a node", b"a:\n", b"nodelist{\nnode{\n", b"}\n}\n"),
    Junk("nodelists", lambda number: b"nodelist{\nnode{\nring0_addr:%x\n}\n}\n" % number),
    _nodes("empty nodes", lambda _: b""),
    _nodes("host names", lambda number: b"ring0_addr:a.%x\n" % number, _OURS),
    _nodes("IPv6 nodes", lambda number: b"ring0_addr:::%x\n" % number, _OURS),
    _nodes("UDP nodes", lambda number: b"ring0_addr:1.1.%d.%d\n" % divmod(number % 65536, 256), _UDPU),
    _nodes("nodes without votes", lambda number: b"ring0_addr:%x\nquorum_votes:0\n" % number, _OURS),
    _nodes("equal nodes", lambda _: b"ring0_addr:10.0.0.1\nnodeid:1\nname:a\nprio:1\n", _OURS),
    _nodes("different nodes", lambda number: b"ring0_addr:%x\nnodeid:%d\nname:n%d\n" % (number, number, number), _OURS),
    _nodes("names and ids only", lambda number: b"nodeid:%x\nname:n%x\n" % (number, number)),
    _nodes("eight links", _eight_links, _OURS),
]  # fmt: skip
