"""The one table of what may stand in corosync.conf, corosync's own keys (3.1) and ours: type, range, unit, default.

Holds no rule that needs more than one value, and knows no file.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Type(Enum):
    """What a value is."""

    U8 = "u8"
    """The first five are numbers to corosync too: it refuses a file with anything else."""
    U16 = "u16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    NUMBER = "number"
    """Ours: text to corosync."""
    WORD = "word"
    """One of ``choices``."""
    TEXT = "text"
    IPV4 = "IPv4 address"
    HOST = "address or host name"
    PATH = "absolute path"
    DEVICE = "network device"
    UNIT = "systemd unit"
    LIBVIRT = "libvirt URI with %s"
    """%s: a node's address."""


class Key(NamedTuple):
    """What a key may hold."""

    type: Type
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    default: str | None = None
    unit: str = ""
    refused: bool = False
    """corosync does not start on a value outside of range or choices."""


U8 = Key(Type.U8, 0, 2**8 - 1, refused=True)
U16 = Key(Type.U16, 0, 2**16 - 1, refused=True)
U32 = Key(Type.U32, 0, 2**32 - 1, refused=True)
U64 = Key(Type.U64, 0, 2**64 - 1, refused=True)
TEXT = Key(Type.TEXT)
HOST = Key(Type.HOST)
INTEGERS = frozenset({Type.U8, Type.U16, Type.U32, Type.I32, Type.U64})
LINKS = 8
"""corosync has links 0 to 7."""
IHTTPD_PORTS = 64
SLACK_MS = 200
"""What a promise lasts longer than a lease; not a key of the file."""


def _words(*choices: str, default: str | None = None) -> Key:
    return Key(Type.WORD, choices=choices, default=default, refused=True)


def _loose(*choices: str) -> Key:
    """corosync starts on other words, too, and takes them for its default."""
    return Key(Type.WORD, choices=choices)


def _number(low: int, high: int, default: int | None, unit: str = "") -> Key:
    return Key(Type.NUMBER, low, high, (), None if default is None else str(default), unit)


def _switch(default: str) -> Key:
    return Key(Type.WORD, choices=("on", "off"), default=default)


def _path(default: str | None = None) -> Key:
    return Key(Type.PATH, default=default)


_YES_NO = _words("yes", "no")
_ON_OFF = _words("on", "off")
_LEVELS = _words("alert", "crit", "debug", "emerg", "err", "info", "notice", "warning")
_FACILITIES = _words("daemon", *(f"local{number}" for number in range(8)))

_LOG_TARGET = {
    "to_stderr": _YES_NO,
    "to_logfile": _YES_NO,
    "to_syslog": _YES_NO,
    "logfile": _path(),
    "logfile_priority": _LEVELS,
    "syslog_facility": _FACILITIES,
    "syslog_priority": _LEVELS,
    "debug": _words("on", "off", "trace"),
}
_TOTEM_NUMBERS = (
    "nodeid",
    "threads",
    "token",
    "token_coefficient",
    "token_retransmit",
    "token_warning",
    "hold",
    "token_retransmits_before_loss_const",
    "join",
    "send_join",
    "consensus",
    "merge",
    "downcheck",
    "fail_recv_const",
    "seqno_unchanged_const",
    "rrp_token_expired_timeout",
    "rrp_problem_count_timeout",
    "rrp_problem_count_threshold",
    "rrp_problem_count_mcast_threshold",
    "rrp_autorecovery_check_timeout",
    "heartbeat_failures_allowed",
    "max_network_delay",
    "window_size",
    "max_messages",
    "miss_count_const",
    "knet_pmtud_interval",
    "knet_mtu",
    "knet_compression_threshold",
    "netmtu",
    "version",
)

SECTIONS: dict[str, dict[str, Key]] = {
    "totem": {
        **dict.fromkeys(_TOTEM_NUMBERS, U32),
        "config_version": U64,
        "knet_compression_level": Key(Type.I32, -(2**31), 2**31 - 1, refused=True),
        "cluster_name": TEXT,
        "transport": _words("knet", "udpu", "udp", default="knet"),
        "ip_version": _words("ipv4", "ipv6", "ipv6-4", "ipv4-6"),
        "crypto_model": _words("nss", "openssl"),
        "crypto_cipher": _words("none", "aes256", "aes192", "aes128"),
        "crypto_hash": _words("none", "md5", "sha1", "sha256", "sha384", "sha512"),
        "secauth": _loose("on", "off"),
        "keyfile": _path("/etc/corosync/authkey"),
        "key": TEXT,
        "link_mode": _words("passive", "active", "rr"),
        "rrp_mode": _loose("none", "active", "passive"),
        "knet_compression_model": _words("none", "zlib", "lz4", "lz4hc", "lzo2", "lzma", "bzip2", "zstd"),
        "clear_node_high_bit": _loose("yes", "no"),
        "block_unlisted_ips": _loose("yes", "no"),
        "cancel_token_hold_on_retransmit": _loose("yes", "no"),
    },
    "totem.interface": {
        "linknumber": U8,
        "ringnumber": TEXT,
        "bindnetaddr": HOST,
        "mcastaddr": HOST,
        "broadcast": _loose("yes", "no"),
        "mcastport": U16,
        "ttl": U8,
        "knet_link_priority": U8,
        "knet_ping_interval": U32,
        "knet_ping_timeout": U32,
        "knet_ping_precision": U32,
        "knet_pong_count": U32,
        "knet_transport": _words("udp", "sctp"),
    },
    "totem.interface.member": {"memberaddr": HOST},
    "logging": {
        **_LOG_TARGET,
        "timestamp": _words("on", "off", "hires"),
        "fileline": _ON_OFF,
        "function_name": _ON_OFF,
        "blackbox": _loose("on", "off"),
    },
    "logging.logger_subsys": {**_LOG_TARGET, "subsys": TEXT},
    "logging.logging_daemon": {**_LOG_TARGET, "subsys": TEXT, "name": TEXT},
    "quorum": {
        "provider": _words("corosync_votequorum"),
        "expected_votes": U32,
        "votes": U32,
        "last_man_standing_window": U32,
        "leaving_timeout": U32,
        "two_node": U8,
        "expected_votes_tracking": U8,
        "allow_downscale": U8,
        "wait_for_all": U8,
        "auto_tie_breaker": U8,
        "last_man_standing": U8,
        "auto_tie_breaker_node": TEXT,
    },
    "quorum.device": {"model": TEXT, "votes": U32, "timeout": U32, "sync_timeout": U32, "master_wins": U8},
    "quorum.device.net": {
        "host": HOST,
        "port": Key(Type.NUMBER, 1, 65535),
        "tls": _loose("on", "off", "required"),
        "algorithm": _loose("test", "ffsplit", "2nodelms", "lms"),
        "tie_breaker": TEXT,
        "connect_timeout": Key(Type.NUMBER, 1, 10**7, unit="ms"),
        "force_ip_version": _loose("0", "4", "6"),
        "keep_active_partition_tie_breaker": _loose("on", "off"),
    },
    "quorum.device.heuristics": {
        "mode": _loose("on", "sync", "off"),
        "interval": Key(Type.NUMBER, 1, 10**7, unit="ms"),
        "timeout": Key(Type.NUMBER, 1, 10**7, unit="ms"),
        "sync_timeout": Key(Type.NUMBER, 1, 10**7, unit="ms"),
    },
    "nodelist": {},
    "nodelist.node": {
        **{f"ring{link}_addr": HOST for link in range(LINKS)},
        "nodeid": U32,
        "quorum_votes": U32,
        "name": TEXT,
        "prio": _number(0, 1_000_000, 1),
        "replication": _switch("off"),
        "suspended": _switch("off"),
        "cloud_ip_dev": Key(Type.DEVICE),
    },
    "system": {
        "qb_ipc_type": _words("native", "shm", "socket"),
        "sched_rr": _YES_NO,
        "priority": TEXT,
        "move_to_root_cgroup": _words("yes", "no", "auto"),
        "allow_knet_handle_fallback": _YES_NO,
        "state_dir": _path(),
    },
    "resources": {"watchdog_device": TEXT, "watchdog_timeout": U32},
    "resources.system": {"poll_period": U64},
    "resources.process": {"poll_period": U64},
    **{
        f"resources.{section}.{resource}": {"poll_period": U64, "max": TEXT, "recovery": TEXT}
        for section, resource in (
            ("system", "memory_used"),
            ("system", "load_15min"),
            ("process", "memory_used"),
        )
    },
    "uidgid": {"uid": TEXT, "gid": TEXT},
    "nozzle": {"name": Key(Type.DEVICE), "ipaddr": TEXT, "ipprefix": TEXT, "macaddr": TEXT},
    "pload": {"count": TEXT, "size": TEXT},
    "qb": {"ipc_type": TEXT},
    "ihttpd": {
        "count": _number(0, IHTTPD_PORTS, 0),
        **{f"port{number}": _number(1, 65535, None) for number in range(IHTTPD_PORTS)},
    },
    "corolistener": {
        "cloud_ip": Key(Type.IPV4),
        "cloud_ip_dev": Key(Type.DEVICE, default="vmbr0"),
        "cloud_mask": _number(1, 32, 32),
        "manager_conf": _path(),
        "service": Key(Type.UNIT),
        "service_start_s": _number(1, 3600, 30, "s"),
        "service_stop_s": _number(1, 3600, 30, "s"),
        "service_kill_ms": _number(1, 60_000, 500, "ms"),
        "lease_ms": _number(500, 60_000, 2000, "ms"),
        "heartbeat_ms": _number(50, 15_000, 200, "ms"),
        "start_holdoff_ms": _number(1, 600_000, None, "ms"),
        "failback": _switch("off"),
        "failback_delay_s": _number(0, 86_400, 60, "s"),
        "fencing": Key(Type.WORD, choices=("none", "watchdog", "agent"), default="none"),
        "fence_conf": _path("/etc/corolistener/fence.conf"),
        "watchdog_device": _path(),
        "watchdog_s": _number(1, 3600, 10, "s"),
        "migration_uri": Key(Type.LIBVIRT),
        "migration_s": _number(1, 86_400, 600, "s"),
        "on_clean_stop": Key(Type.WORD, choices=("keep", "recover"), default="keep"),
        "port": _number(1, 65535, 5420),
        "keyfile": _path("/etc/corolistener/authkey"),
        "lock_dir": _path("/tmp"),  # noqa: S108 (the manager looks for the lock files there)
        "ping_target": HOST,
    },
}
"""Sections by path, and the keys of each."""

OURS = frozenset({"corolistener", "ihttpd"})
"""Sections that corosync has no use for and we have."""
OUR_NODE_KEYS = frozenset({"prio", "replication", "suspended", "cloud_ip_dev"})


def key_of(section: str, key: str) -> Key | None:
    """What the table says of a key; None if it is unknown."""
    found = SECTIONS.get(section, {}).get(key)
    if found is None and section == "quorum.device.heuristics" and key.startswith("exec_"):
        return TEXT
    return found


def default_of(section: str, key: str) -> str | None:
    """Value of a key that the file does not give."""
    found = key_of(section, key)
    return None if found is None else found.default


def number(text: str) -> int | None:
    """A number as corosync reads it: decimal, a sign and leading white space allowed, nothing after it."""
    digits = text.lstrip(" \t\n\v\f\r")
    if digits[:1] in {"+", "-"}:
        digits = digits[1:]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 400:
        return None
    value = int(digits)
    return -value if text.lstrip(" \t\n\v\f\r").startswith("-") else value


def integer(key: Key, text: str) -> int | None:
    """The number that corosync makes of a value, or None where it refuses it."""
    value = number(text)
    if value is None:
        return None
    if key.type is Type.U64 and -key.high <= value < 0:
        # strtoull takes a sign and wraps around: config_version -1 is the largest of all.
        return value + 2**64
    return value if key.low <= value <= key.high else None
