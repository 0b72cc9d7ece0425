# ruff: noqa: E501 (one file a line reads as the table that it is)
"""Differential: what a real corosync accepts, refuses and shows in cmap is what we say of the same file.

Run on a node: as root, with corosync installed. corosync.service is stopped meanwhile.
"""

from __future__ import annotations

import random
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from coroctl.conf.document import Document
from coroctl.conf.lint import lint
from coroctl.conf.stored import stored
from tests.on_node.conf.running import CONFIG, check, start

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEDS = range(12)


@pytest.fixture(autouse=True, scope="module")
def _alone() -> Iterator[None]:
    """Stops corosync.service, and afterwards puts its file back and starts it again if it ran."""
    before = CONFIG.read_bytes() if CONFIG.exists() else None
    ran = _systemctl("is-active", "corosync.service") == 0
    if ran:
        assert _systemctl("stop", "corosync.service") == 0
    yield
    if before is not None:
        CONFIG.write_bytes(before)
    if ran:
        assert _systemctl("start", "corosync.service") == 0


def _systemctl(*words: str) -> int:
    return subprocess.run(["systemctl", *words], capture_output=True, check=False, timeout=60).returncode


def _own_address() -> str:
    """The address that this node sends from."""
    ran = subprocess.run(["ip", "-4", "-o", "addr", "show", "dev", "eth0"], capture_output=True, text=True, check=True)
    return ran.stdout.split("inet ")[1].split("/")[0]


def _base() -> bytes:
    return f"""\
totem {{
  version: 2
  cluster_name: differential
  config_version: 7
}}
quorum {{
  provider: corosync_votequorum
}}
nodelist {{
  node {{
    ring0_addr: {_own_address()}
    name: {socket.gethostname()}
    nodeid: 7
  }}
}}
logging {{
  to_stderr: yes
  to_syslog: no
}}
""".encode()


def _after(mark: str, *lines: str) -> bytes:
    """The base with lines after the one that starts with ``mark``."""
    base = _base().decode().split("\n")
    at = next(number for number, line in enumerate(base) if line.strip().startswith(mark)) + 1
    return "\n".join([*base[:at], *lines, *base[at:]]).encode("utf-8", "surrogateescape")


def _without(mark: str) -> bytes:
    return b"\n".join(line for line in _base().split(b"\n") if not line.strip().startswith(mark.encode()))


OTHER = ("node {", "ring0_addr: 192.0.2.9", "name: other", "nodeid: 9", "}")

SYNTAX = {
    "line of 510": "x {\n k: " + "a" * 506 + "\n}",
    "line of 511": "x {\n k: " + "a" * 507 + "\n}",
    "CRLF of 511": "x {\n k: " + "a" * 506 + "\r\n}",
    "comment of 600": "#" + "a" * 600,
    "no newline, 510": "kkk: " + "a" * 505,
    "no newline, 511": "kkk: " + "a" * 506,
    "NUL first": "\0junk\n",
    "NUL later": "kkk: a\0b\n",
    "NUL in the last line": "kkk: a\0b",
    "NUL first, long": "\0" + "a" * 600 + "\n",
    "NUL first, 510": "\0" + "a" * 509 + "\nkkk: 1\n",
    "CR inside": "kkk: a\rb: c\n",
    "vertical tab": "\vkkk: 1\n",
    "NBSP line": "\u00a0\n",
    "key of 1": "k: 1\n",
    "key of 2": "kk: 1\n",
    "key of 3": "kkk: 1\n",
    "short key in a section": "x {\n k: 1\n}\n",
    "key with blank": "x {\n a b: 1\n}\n",
    "key not ASCII": "x {\n é: 1\n}\n",
    "key with signs": "x {\n a.b-c_d/e: 1\n}\n",
    "key with @": "x {\n a@b: 1\n}\n",
    "section with blank, empty": "a b {\n}\n",
    "section with blank": "a b {\n kkk: 1\n}\n",
    "value and brace": "kkk: v {\n}\n",
    "section and colon": "aaa: {\n kkk: 1\n}\n",
    "colons for a name": "::{\n kkk: 1\n}\n",
    "two braces": "aaa {{\n}\n",
    "no name": "{\n}\n",
    "all on a line": "aaa { kkk: 1 }\n",
    "comment after a brace": "aaa { # c\n}\n",
    "brace in a value": "kkk: a{b\n",
    "closing brace in a value": "kkk: a}b\n",
    "comment after closing": "aaa {\n} # x\n",
    "two closing": "aaa {\n}}\n",
    "junk": "junk\n",
    "not closed": "aaa {\n",
    "not opened": "}\n",
    "no key": ": 1\n",
    "no key in a section": "xxx {\n : 1\n}\n",
    "no key, no blank": "xxx {\n:1\n}\n",
    "no value": "kkk:\n",
    "many colons": "kkk:::: 1\n",
    "path of 254": "x {\n " + "a" * 252 + ": 1\n}\n",
    "path of 255": "x {\n " + "a" * 253 + ": 1\n}\n",
    "top key of 253": "a" * 253 + ": 1\n",
    "top key of 254": "a" * 254 + ": 1\n",
    "127 deep": "a {\n" * 127 + "}\n" * 127,
    "128 deep": "a {\n" * 128 + "}\n" * 128,
}


@pytest.mark.parametrize("name", SYNTAX)
def test_corosync_parses_what_we_parse(name: str) -> None:
    data = _base() + SYNTAX[name].encode("utf-8", "surrogateescape")
    _, problems = Document.survey(data)
    assert (check(data) == 0) == (not problems), problems


def test_byte_order_mark() -> None:
    data = b"\xef\xbb\xbf" + _base()
    assert check(data) != 0
    assert Document.survey(data)[1]


ODD = {
    "plain": "",
    "values": "xxx {\n k1: a # c\n k2:   x  y\t\n k3:\n k4: a:b\n k4: second\n K5: Up\n k6: a}b\n k7:x\n k8 :\ty\n k9: à\n}\n",
    "bytes": "xxx {\n k1: \udca0a\udca0\n k2: a\r\r\n k3: \x1b[31m\u202e\n k4: \udcff\udcfe\n}\n",
    "last wins": "quorum {\n expected_votes: 5\n}\nquorum {\n expected_votes: 1\n}\nxxx.kkk: 1\nxxx {\n kkk: 2\n}\n",
    "dots": "totem.token: 5000\nquorum.expected_votes: abc\nnodelist.node.5 {\n kkk: 1\n}\n",
    "ours": "corolistener {\n cloud_ip: 10.0.0.100\n lease_ms: 2000\n}\nihttpd {\n count: 1\n port0: 1500\n}\n",
    "logger": "logging {\n logger_subsys {\n debug: on\n subsys: QUORUM\n debug: off\n }\n}\n",
    "daemon": "logging {\n logging_daemon {\n name: corosync\n debug: off\n }\n logging_daemon {\n name: a\n subsys: b\n debug: on\n }\n}\n",
    "interface": "totem {\n interface {\n linknumber: 0\n mcastport: 5409\n odd: x\n in {\n knet_pong_count: 7\n }\n knet_ping_timeout: 600\n }\n}\n",
    "members": "totem {\n interface {\n member {\n memberaddr: 10.0.0.9\n }\n member {\n memberaddr: 10.0.0.10\n }\n }\n}\n",
    "foreign sections": "totem {\n foo {\n token: abc\n }\n}\nquorum {\n foo {\n two_node: abc\n }\n}\nsystem {\n foo {\n sched_rr: abc\n }\n}\n",
    "uidgid": "uidgid {\n uid: 17\n gid: 18\n}\n",
    "resources": "resources {\n foo {\n poll_period: x\n }\n}\n",
    "device": "quorum {\n device {\n model: net\n votes: 1\n net {\n host: x\n }\n }\n}\n",
    "NULs": "xxx {\n\0 k1: a\n kkk: v\n}\nzzz: a\0b",
    "CRLF": "xxx {\r\n kkk: v \r\n}\r\n",
    "unsigned": "totem {\n config_version: -1\n token: +5000\n join: 0050\n}\n",
}  # fmt: skip
NODES = {
    "extra keys": ("prio: 10", "replication: on", "quorum_votes: 3", "quorum_votes: 0"),
    "section in a node": ("foo {", "nodeid: 9", "bar: x", "}", "after: 1"),
    "two of a key": ("nodeid: 8", "name: second"),
}


@pytest.mark.parametrize("name", ODD)
def test_cmap_shows_what_we_read(name: str) -> None:
    _compare(_base() + ODD[name].encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", NODES)
def test_cmap_shows_the_node_that_we_read(name: str) -> None:
    _compare(_after("nodeid", *NODES[name]))


def test_cmap_shows_the_nodeids_that_udpu_makes() -> None:
    _compare(_after("version", "transport: udpu").replace(b"    nodeid: 7\n", b""))
    _compare(_after("version", "transport: udpu").replace(b"nodeid: 7\n", b"nodeid: 0\n"))


def _compare(data: bytes) -> None:
    outcome = start(data)
    assert outcome.started, outcome.said
    assert outcome.cmap == stored(Document.parse(data))


REFUSED = {
    "version missing": lambda: _without("version"),
    "no nodelist": lambda: _base().replace(b"nodelist {", b"nodes {"),
    "no nodeid": lambda: _without("nodeid"),
    "nodeid 0": lambda: _base().replace(b"nodeid: 7", b"nodeid: 0"),
    "no address": lambda: _without("ring0_addr"),
    "malformed address": lambda: _after("nodeid", "ring0_addr: 10.0.0.999"),
    "link 8": lambda: _after("nodeid", "ring8_addr: 10.0.0.9"),
    "unequal links": lambda: _after("nodelist", *OTHER[:-1], "ring1_addr: 192.0.3.9", "}"),
    "mixed families": lambda: _after("nodelist", *(line.replace("192.0.2.9", "fd00::9") for line in OTHER)),
    "nodeid twice": lambda: _after("nodelist", *(line.replace("nodeid: 9", "nodeid: 7") for line in OTHER)),
    "remote without nodeid": lambda: _after("nodelist", *OTHER[:3], "}"),
    "token 1": lambda: _after("version", "token: 1"),
    "token 125": lambda: _after("version", "token: 125"),
    "token text": lambda: _after("version", "token: fast"),
    "consensus below join": lambda: _after("version", "consensus: 40"),
    "token_warning": lambda: _after("version", "token_warning: 101"),
    "config_version text": lambda: _base().replace(b"config_version: 7", b"config_version: seven"),
    "config_version huge": lambda: _base().replace(b"config_version: 7", b"config_version: 18446744073709551616"),
    "transport": lambda: _after("version", "transport: UDPU"),
    "link_mode": lambda: _after("version", "link_mode: all"),
    "cipher without hash": lambda: _after("version", "crypto_cipher: aes256"),
    "ip_version": lambda: _after("version", "ip_version: ipv5"),
    "crypto_model": lambda: _after("version", "crypto_model: none"),
    "two_node 300": lambda: _after("provider", "two_node: 300"),
    "expected_votes -1": lambda: _after("provider", "expected_votes: -1"),
    "provider": lambda: _base().replace(b"corosync_votequorum", b"votequorum"),
    "two_node and device": lambda: _after("provider", "two_node: 1", "device {", "model: net", "votes: 1", "}"),
    "to_syslog": lambda: _base().replace(b"to_syslog: no", b"to_syslog: maybe"),
    "timestamp": lambda: _after("to_stderr", "timestamp: maybe"),
    "fileline": lambda: _after("to_stderr", "fileline: maybe"),
    "syslog_priority": lambda: _after("to_stderr", "syslog_priority: maybe"),
    "syslog_facility": lambda: _after("to_stderr", "syslog_facility: maybe"),
    "logger without subsys": lambda: _base() + b"logging {\n logger_subsys {\n debug: off\n }\n}\n",
    "section in logger_subsys": lambda: _base() + b"logging {\n logger_subsys {\n subsys: CPG\n x {\n }\n }\n}\n",
    "daemon without name": lambda: _base() + b"logging {\n logging_daemon {\n debug: off\n }\n}\n",
    "uidgid": lambda: _base() + b"uidgid {\n user: root\n}\n",
    "member": lambda: _base() + b"totem {\n interface {\n member {\n addr: 10.0.0.9\n }\n }\n}\n",
    "linknumber": lambda: _base() + b"totem {\n interface {\n linknumber: 9\n mcastport: 5405\n }\n}\n",
    "ttl": lambda: _base() + b"totem {\n interface {\n ttl: 3\n }\n}\n",
    "mcastport": lambda: _base() + b"totem {\n interface {\n mcastport: 70000\n }\n}\n",
    "knet_transport": lambda: _base() + b"totem {\n interface {\n knet_transport: tcp\n }\n}\n",
    "sched_rr": lambda: _base() + b"system {\n sched_rr: on\n}\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_lint_has_an_error_for_what_corosync_does_not_start_on(name: str) -> None:
    data = REFUSED[name]()
    outcome = start(data)
    assert not outcome.started
    errors = [finding for finding in lint(data) if finding.severity.value == "error"]
    assert errors, outcome.said


STARTED = {
    "two_node with three": lambda: _after("provider", "two_node: 1"),
    "expected_votes 1": lambda: _after("provider", "expected_votes: 9"),
    "token 0": lambda: _after("version", "token: 0"),
    "name twice": lambda: _after("nodelist", *(line.replace("other", socket.gethostname()) for line in OTHER)),
    "address twice": lambda: _after("nodelist", *(line.replace("192.0.2.9", _own_address()) for line in OTHER)),
    "config_version -1": lambda: _base().replace(b"config_version: 7", b"config_version: -1"),
    "prio of text": lambda: _after("nodeid", "prio: abc"),
}


@pytest.mark.parametrize("name", STARTED)
def test_lint_has_an_error_for_what_corosync_starts_on_without_a_word(name: str) -> None:
    data = STARTED[name]()
    assert start(data).started
    assert any(finding.severity.value == "error" for finding in lint(data))


@pytest.mark.parametrize("seed", SEEDS)
def test_generated_files(seed: int) -> None:
    """Valid keys at random places, then random damage: both sides take or refuse it, and read the same."""
    generator = random.Random(seed)  # noqa: S311
    for _ in range(40):
        data = _base() + _generated(generator)
        _, problems = Document.survey(data)
        assert (check(data) == 0) == (not problems), (data, problems)
    _compare(next(data for data in iter(lambda: _base() + _generated(generator), b"") if not Document.survey(data)[1]))


def _generated(generator: random.Random) -> bytes:
    pieces = (b"xxx {", b"}", b"yyy: 1", b"  zzz :  a b ", b"\tk{", b"}", b"# {", b"", b"www {", b"}", b"a:b:c", b"\0q")
    odd = (b"junk", b"{", b"kk: 1", b"a {b", b"x}", b"k\xff: 1", b"\xa0", b" : ", b"v\x0b: 1", b"x: {")
    lines = [generator.choice(pieces if generator.random() < 0.97 else odd) for _ in range(generator.randrange(12))]
    depth = 0
    kept = []
    for line in lines:
        depth += (b"{" in line and not line.startswith(b"#")) - (line == b"}")
        if depth >= 0:
            kept.append(line)
        depth = max(depth, 0)
    closing = [b"}"] * (depth if generator.random() < 0.9 else depth + 1)
    return generator.choice((b"\n", b"\r\n")).join([*kept, *closing]) + generator.choice((b"\n", b""))
