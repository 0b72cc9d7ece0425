# ruff: noqa: E501 (one case a line reads as the table that it is)
"""The "Bad input" list of corosync.conf: every case, and what lint must say of it."""

from __future__ import annotations

from typing import NamedTuple

from coroctl.conf.lint import LocalAddress, LocalFacts
from tests.conf.samples import GOOD, changed, with_keys


class Case(NamedTuple):
    """One bad file."""

    name: str
    data: bytes
    code: str
    severity: str
    line: int
    text: str
    """A part of message and hint."""
    facts: LocalFacts | None = None


HERE = LocalFacts("n7", (LocalAddress("lo", "127.0.0.1", 8), LocalAddress("vmbr0", "10.0.0.7", 24)))
ELSEWHERE = LocalFacts("stranger", (LocalAddress("eth0", "192.0.2.1", 24),))
ONE_NODE = changed(
    GOOD[GOOD.index(b"  node {\n    ring0_addr: 10.0.0.9") : GOOD.index(b"}\ncorolistener")].decode(), ""
)
LAST_NODE = GOOD[GOOD.index(b"  node {\n    ring0_addr: 10.0.0.13") : GOOD.index(b"}\ncorolistener")].decode()
TWO_NODES = changed("expected_votes: 3", "expected_votes: 2", changed(LAST_NODE, ""))
NO_NODELIST = changed(GOOD[GOOD.index(b"nodelist {") : GOOD.index(b"corolistener {")].decode(), "")


def _error(name: str, data: bytes, code: str, line: int, text: str, facts: LocalFacts | None = None) -> Case:
    return Case(name, data, code, "error", line, text, facts)


def _warning(name: str, data: bytes, code: str, line: int, text: str) -> Case:
    return Case(name, data, code, "warning", line, text)


def _listener(name: str, lines: str, code: str, text: str, facts: LocalFacts | None = None) -> Case:
    """An error in lines of the corolistener section, which replace its cloud_ip."""
    return Case(name, changed("  cloud_ip: 10.0.0.100\n", f"  {lines}\n"), code, "error", 37, text, facts)


TEXT = [
    _error("empty file", b"", "empty", 0, "no settings"),
    _error("only comments", b"# nothing\n\n", "empty", 0, "no settings"),
    _error("NULs only", b"\0\0\0\0", "nul", 1, "NUL byte"),
    _error("NUL in a line", changed("n7", "n\x007"), "syntax", 18, "NUL byte"),
    _error("NUL at a line's start", changed("    name: n7", "\0    name: n7"), "nul", 18, "ignores"),
    _error("missing closing brace", GOOD[:-2], "syntax", 36, "'corolistener' is not closed"),
    _error("closing brace too many", GOOD + b"}\n", "syntax", 40, "closing brace without a section"),
    _error("junk line", changed("  count: 1", "  count 1"), "syntax", 12, "no key and value"),
    _error("section on one line", GOOD + b"system { sched_rr: no }\n", "syntax", 40, "one key stands on a line"),
    _error("comment after a brace", changed("quorum {", "quorum { # q"), "syntax", 7, "more after the opening brace"),
    _error("no section name", GOOD + b"{\n}\n", "syntax", 40, "no section name"),
    _error("text before a closing brace", changed("3\n}\n", "3\nx }\n"), "syntax", 10, "more before or after"),
    _warning("CRLF", GOOD.replace(b"\n", b"\r\n"), "crlf", 1, "CRLF"),
    _error("BOM", b"\xef\xbb\xbf" + GOOD, "bom", 1, "byte order mark"),
    _error("line over 510 bytes", changed("VMmanager", "x" * 497), "syntax", 3, "longer than 510"),
    _error("comment over 510 bytes", b"#" * 511 + b"\n" + GOOD, "syntax", 1, "longer than 510"),
    _error("escape sequence in a name", changed("n7", "n\x1b[31m7"), "control-character", 18, "\\x1b[31m"),
    _error("bidi characters in a name", changed("n7", "n\u202e7"), "control-character", 18, "\\u202e"),
    _error("bytes that are not UTF-8", changed("n7", "n\udcff7"), "control-character", 18, "not UTF-8"),
    _warning("control character in a comment", b"# \x1b[2J\n" + GOOD, "control-character", 1, "\\x1b"),
    _warning(
        "comment after a value", changed("count: 1", "count: 1 # one"), "comment-after-value", 12, "part of the value"
    ),
    _warning("last byte 0xA0", changed("VMmanager", "Кластер-Р"), "last-byte", 3, "0xA0"),
    _error("key with a blank", changed("cluster_name", "cluster name"), "syntax", 3, "other than letters"),
    _error("short key outside of sections", GOOD + b"kk: 1\n", "syntax", 40, "shorter than 3"),
]
NAMES = [
    _warning("unknown key", changed("prio: 40", "pirio: 40"), "unknown-key", 27, "nearest known: prio"),
    _warning("unknown key, other case", changed("prio: 40", "PRIO: 40"), "unknown-key", 27, "nearest known: prio"),
    _warning("unknown section", changed("quorum {", "qourum {"), "unknown-section", 7, "nearest known: quorum"),
    _warning("unknown nested section", with_keys("totem", "interfaces {", "}"), "unknown-section", 2, "totem.interface"),
    _error("nesting: section in a node", changed("nodeid: 9\n", "nodeid: 9\n    x {\n    }\n"), "nested-in-node", 27, "next node"),
    _error("nesting: section in logger_subsys", GOOD + b"logging {\n logger_subsys {\n  subsys: CPG\n  x {\n  }\n }\n}\n", "nested-in-logger", 43, "crashes"),
    _error("nesting: section in another", changed("3\n}\n", "3\n") + b"}\n", "unknown-section", 10, "a } is missing above"),
    _error("logger_subsys without subsys", GOOD + b"logging {\n logger_subsys {\n }\n}\n", "key-missing", 41, "no subsys"),
    _error("unknown key in uidgid", GOOD + b"uidgid {\n user: root\n}\n", "unknown-key", 41, "user"),
    _error("two quorum sections", GOOD + b"quorum {\n  expected_votes: 3\n}\n", "section-twice", 40, "first is in line 7"),
    _error("two nodelists", GOOD + b"nodelist {\n}\n", "section-twice", 40, "overwrites"),
    _warning("key given twice", changed("nodeid: 9", "nodeid: 9\n    prio: 50"), "key-twice", 27, "the last wins"),
    _error("key with dots outside of sections", GOOD + b"totem.token: 5000\n", "dotted-name", 40, "write it inside totem"),
    _warning("empty value", changed("VMmanager", ""), "value-missing", 3, "no value"),
    _error("empty number", changed("nodeid: 9", "nodeid:"), "value", 26, "whole number"),
]  # fmt: skip
NODES = [
    _error("no nodelist", NO_NODELIST, "no-nodelist", 0, "lists no nodes"),
    _error("duplicate nodeid", changed("nodeid: 9", "nodeid: 7"), "nodeid-twice", 26, "line 19"),
    _error("duplicate name", changed("name: n9", "name: n7"), "name-twice", 25, "line 18"),
    _error("duplicate address", changed("10.0.0.9", "10.0.0.7"), "address-twice", 24, "line 17"),
    _error("duplicate address, other spelling", changed("10.0.0.9", "::1", changed("10.0.0.7", "0:0::1")), "address-twice", 24, "line 17"),
    _error("nodeid 0", changed("nodeid: 9", "nodeid: 0"), "nodeid", 26, "names no node"),
    _error("nodeid not a number", changed("nodeid: 9", "nodeid: nine"), "value", 26, "whole number"),
    _error("nodeid negative", changed("nodeid: 9", "nodeid: -9"), "value", 26, "whole number"),
    _error("no nodeid", changed("    nodeid: 9\n", ""), "nodeid", 23, "no nodeid"),
    _warning("no name", changed("    name: n9\n", ""), "name-missing", 23, "shown by its nodeid"),
    _error("name of 256 characters", changed("n9", "n" * 256), "name", 25, "256 characters"),
    _error("name that is another's nodeid", changed("name: n9", "name: 13"), "name", 25, "nodeid of another"),
    _error("local node absent", GOOD, "local-node", 15, "'stranger'", ELSEWHERE),
    _error("malformed address", changed("10.0.0.9", "10.0.0.999"), "value", 24, "no IPv4 address"),
    _error("malformed IPv6 address", changed("10.0.0.9", "fd00:::9"), "value", 24, "no IPv6 address"),
    _error("multicast address", changed("10.0.0.9", "224.0.0.9"), "address-kind", 24, "no address of one machine"),
    _error("loopback address", changed("10.0.0.9", "127.0.0.9"), "address-kind", 24, "loopback"),
    _error("no address", changed("    ring0_addr: 10.0.0.9\n", ""), "no-address", 23, "no ring0_addr"),
    _error("unequal links", changed("10.0.0.9", "10.0.0.9\n    ring1_addr: 10.1.0.9"), "links", 15, "same number of links"),
    _error("mixed families", changed("10.0.0.9", "fd00::9"), "families", 30, "IPv4 and IPv6"),
    _error("link 8", changed("ring0_addr: 10.0.0.9", "ring0_addr: 10.0.0.9\n    ring8_addr: 10.8.0.9"), "link-number", 25, "0 to 7"),
]  # fmt: skip
TOTEM = [
    _error("token 0", with_keys("totem", "token: 0"), "token", 2, "uses 3000"),
    _error("token 1", with_keys("totem", "token: 1"), "token", 2, "too short"),
    _error("token 125", with_keys("totem", "token: 125"), "token", 2, "at least 126"),
    _error("token text", with_keys("totem", "token: fast"), "value", 2, "whole number"),
    _error("token with unit", with_keys("totem", "token: 3000 ms"), "value", 2, "whole number"),
    _warning("consensus below 1.2 token", with_keys("totem", "consensus: 3500"), "consensus", 2, "at least 4380"),
    _error("consensus below join", with_keys("totem", "consensus: 40"), "consensus", 2, "below join"),
    _error("version missing", changed("  version: 2\n", ""), "version", 1, "no version"),
    _error("version 1", changed("version: 2", "version: 1"), "version", 2, "knows 2 only"),
    _error("transport unknown", changed("knet", "UDPU"), "value", 5, "one of knet, udpu, udp"),
    _error("encryption on udpu", with_keys("totem", "crypto_hash: sha256", data=changed("knet", "udpu")), "crypto", 6, "udpu"),
    _error("config_version negative", changed("config_version: 7", "config_version: -1"), "config-version", 4, "wraps"),
    _error("config_version text", changed("config_version: 7", "config_version: seven"), "config-version", 4, "aborts"),
    _error("config_version float", changed("config_version: 7", "config_version: 7.1"), "config-version", 4, "aborts"),
    _error("config_version huge", changed("config_version: 7", f"config_version: {2**64}"), "config-version", 4, "aborts"),
    _warning("config_version 0", changed("config_version: 7", "config_version: 0"), "config-version-off", 4, "switches off"),
    _warning("secret in the file", with_keys("totem", "key: 0123456789"), "secret", 2, "secret"),
    _error("two_node with three nodes", with_keys("quorum", "two_node: 1"), "two-node", 8, "exactly two"),
    _error("two_node with one node", with_keys("quorum", "two_node: 1", data=ONE_NODE), "two-node", 8, "1 node:"),
    _error("two_node out of range", with_keys("quorum", "two_node: 300"), "value", 8, "0 to 255"),
    _error("expected_votes not the sum", changed("expected_votes: 3", "expected_votes: 1"), "expected-votes", 9, "3 votes"),
    _error("expected_votes negative", changed("expected_votes: 3", "expected_votes: -3"), "value", 9, "whole number"),
    _error("votes negative", changed("nodeid: 9", "nodeid: 9\n    quorum_votes: -1"), "value", 27, "whole number"),
    _error("no quorum provider", changed("  provider: corosync_votequorum\n", ""), "provider", 7, "every fragment"),
    _error("unknown quorum provider", changed("corosync_votequorum", "votequorum"), "value", 8, "corosync_votequorum"),
    _warning("two voters", TWO_NODES, "no-failover", 15, "witness"),
]  # fmt: skip
OURS = [
    _error("prio negative", changed("prio: 40", "prio: -1"), "value", 27, "0 to 1000000"),
    _error("prio float", changed("prio: 40", "prio: 1.5"), "value", 27, "0 to 1000000"),
    _error("prio NaN", changed("prio: 40", "prio: NaN"), "value", 27, "0 to 1000000"),
    _error("prio huge", changed("prio: 40", "prio: 1000001"), "value", 27, "0 to 1000000"),
    _error("prio in other digits", changed("prio: 40", "prio: ٤٠"), "value", 27, "0 to 1000000"),
    _warning("no prio", changed("    prio: 40\n", ""), "prio-missing", 23, "counts as 1"),
    _warning("equal priorities", changed("prio: 40", "prio: 100"), "prio-equal", 27, "lowest nodeid"),
    _error("all priorities 0", changed("prio: 10\n", "prio: 0\n", changed("prio: 40", "prio: 0", changed("prio: 100", "prio: 0"))), "prio-zero", 33, "nobody"),
    _error("replication neither on nor off", changed("suspended: off", "replication: yes"), "value", 21, "one of on, off"),
    _error("ihttpd port out of range", changed("1500", "65536"), "value", 13, "1 to 65535"),
    _error("ihttpd port 0", changed("1500", "0"), "value", 13, "1 to 65535"),
    _error("ihttpd count without ports", changed("  port0: 1500\n", ""), "ihttpd-count", 12, "port0 is missing"),
    _error("ihttpd ports without count", changed("  count: 1\n", ""), "ihttpd-count", 11, "count: 1"),
    _warning("ihttpd more ports than count", changed("1500\n", "1500\n  port1: 1501\n"), "ihttpd-count", 12, "2 ports"),
    _error("ihttpd port twice", changed("count: 1\n", "count: 2\n  port1: 1500\n"), "ihttpd-port-twice", 14, "already"),
    _error("ihttpd count negative", changed("count: 1", "count: -1"), "value", 12, "0 to 64"),
    _listener("cloud_ip is the network", "cloud_ip: 10.0.1.0\n  cloud_mask: 24", "cloud-ip-network", "network 10.0.1.0/24"),
    _listener("cloud_ip is the local network", "cloud_ip: 10.0.0.0", "cloud-ip-network", "10.0.0.0/24", HERE),
    _listener("cloud_ip is the broadcast address", "cloud_ip: 10.0.0.255", "cloud-ip-network", "broadcast", HERE),
    _listener("cloud_ip is loopback", "cloud_ip: 127.0.0.5", "cloud-ip", "loopback"),
    _listener("cloud_ip is multicast", "cloud_ip: 239.1.2.3", "cloud-ip", "multicast"),
    _listener("cloud_ip is 0.0.0.0", "cloud_ip: 0.0.0.0", "cloud-ip", "reserved"),
    _listener("cloud_ip is a node's own", "cloud_ip: 10.0.0.9", "cloud-ip-of-node", "line 23"),
    _listener("cloud_ip is IPv6", "cloud_ip: fd00::1", "value", "IPv6 is not supported"),
    _listener("cloud_ip with a mask", "cloud_ip: 10.0.0.100/24", "value", "without a mask"),
    _listener("cloud_ip malformed", "cloud_ip: 10.0.0", "value", "no IPv4 address"),
    _error("cloud_mask 0", with_keys("corolistener", "cloud_mask: 0"), "value", 37, "1 to 32"),
    _error("cloud_mask 33", with_keys("corolistener", "cloud_mask: 33"), "value", 37, "1 to 32"),
    _warning("replicas in a minority", changed("suspended: off", "replication: on"), "replicas", 21, "1 of 3 votes"),
    _warning("cloud_mask below 32", with_keys("corolistener", "cloud_mask: 24"), "cloud-mask", 37, "own address"),
    _error("device name over 15", with_keys("corolistener", "cloud_ip_dev: a234567890123456"), "value", 37, "15"),
    _error("device name with /", with_keys("corolistener", "cloud_ip_dev: ../eth0"), "value", 37, "no /"),
    _error("service with ../", changed("vmmgr.service", "../vmmgr.service"), "value", 38, "no path"),
    _error("service with blanks", changed("vmmgr.service", "vm mgr.service"), "value", 38, "letters"),
    _error("service with a leading -", changed("vmmgr.service", "-vmmgr.service"), "value", 38, "option"),
    _error("service without suffix", changed("vmmgr.service", "vmmgr"), "value", 38, "suffix"),
    _error("time negative", with_keys("corolistener", "lease_ms: -2000"), "value", 37, "500 to 60000 ms"),
    _error("time zero", with_keys("corolistener", "service_stop_s: 0"), "value", 37, "1 to 3600 s"),
    _error("lease below 500 ms", with_keys("corolistener", "lease_ms: 499"), "value", 37, "500 to 60000 ms"),
    _error("heartbeat above a quarter lease", with_keys("corolistener", "heartbeat_ms: 501"), "heartbeat", 37, "at most 500"),
    _error("lease too long for the slack", with_keys("corolistener", "lease_ms: 7861"), "slack", 37, "at most 7860 ms"),
    _error("hold-off shorter than a promise", with_keys("corolistener", "start_holdoff_ms: 2000"), "holdoff", 37, "3200"),
    _error("relative path", with_keys("corolistener", "lock_dir: tmp"), "value", 37, "absolute path"),
    _error("watchdog without device", with_keys("corolistener", "fencing: watchdog"), "fencing", 37, "/dev/watchdog"),
    _error("migration_uri without %s", with_keys("corolistener", "migration_uri: qemu+tls://n1/system"), "value", 37, "exactly one %s"),
    _error("migration_uri with two %s", with_keys("corolistener", "migration_uri: qemu+tls://%s/system?a=%s"), "value", 37, "exactly one %s"),
    _error("migration_uri with %s in its path", with_keys("corolistener", "migration_uri: qemu+tls://n1/%s"), "value", 37, "place of a node's address"),
    _error("migration_uri with another conversion", with_keys("corolistener", "migration_uri: qemu+tls://%d/system"), "value", 37, "exactly one %s"),
    _error("migration_uri of an unknown scheme", with_keys("corolistener", "migration_uri: http://%s/system"), "value", 37, "qemu+tls://"),
    _error("migration_uri without a scheme", with_keys("corolistener", "migration_uri: %s"), "value", 37, "qemu+tls://"),
    _error("migration_uri of this node only", with_keys("corolistener", "migration_uri: qemu:///system"), "value", 37, "qemu+tls://"),
    _error("migration_uri of a session", with_keys("corolistener", "migration_uri: qemu+ssh://%s/session"), "value", 37, "such as"),
    _error("migration_uri with blanks", with_keys("corolistener", "migration_uri: qemu+ssh://%s/system -x"), "value", 37, "no blanks"),
    _error("migration_uri beyond ASCII", with_keys("corolistener", "migration_uri: qemu+ssh://\u202e%s/system"), "value", 37, "printable ASCII"),
    _error("migration_uri too long", with_keys("corolistener", "migration_uri: qemu+ssh://%s/system?" + "x" * 240), "value", 37, "at most 255"),
    _warning("migration_uri in the clear", with_keys("corolistener", "migration_uri: qemu+tcp://%s/system"), "migration", 37, "qemu+tls://%s/system"),
    _error("migration_s zero", with_keys("corolistener", "migration_s: 0"), "value", 37, "1 to 86400 s"),
    _error("port of corosync", with_keys("corolistener", "port: 5405"), "port-taken", 37, "corosync's own"),
    _error("secret of ours in the file", with_keys("corolistener", "ipmi_password: x"), "secret-of-ours", 37, "fence_conf"),
    _warning("keys of ours without corolistener", GOOD[: GOOD.index(b"corolistener")], "no-corolistener", 0, "no section"),
]  # fmt: skip

CASES = [*TEXT, *NAMES, *NODES, *TOTEM, *OURS]
