"""Rules about totem: versions, timings, links, secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.finding import error, rule, warning
from coroctl.conf.plain import quoted
from coroctl.conf.schema import LINKS, U32, integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.conf.finding import Remark
    from coroctl.conf.subject import Subject

TOKEN_MS = 3000
COEFFICIENT_MS = 650
RETRANSMITS = 4
JOIN_MS = 50
SHORTEST_MS = 30
"""Of token and of what is left of it between two retransmits."""


def _number(subject: Subject, key: str, default: int) -> int:
    """A timing; 0 means the default to corosync (measured)."""
    value = subject.get(f"totem.{key}")
    return (integer(U32, value) if value else None) or default


def token_ms(subject: Subject) -> int:
    """The token timeout that a ring of all nodes has."""
    coefficient = subject.get("totem.token_coefficient")
    step = integer(U32, coefficient) if coefficient else None
    nodes = max(len(subject.cluster.nodes) - 2, 0)
    return _number(subject, "token", TOKEN_MS) + nodes * (COEFFICIENT_MS if step is None else step)


@rule("version")
def _version(subject: Subject) -> Iterator[Remark]:
    """Measured: exit 8, "can only parse version 2 configurations"."""
    value = subject.get("totem.version")
    if value is None:
        yield error(subject.line("totem.version"), "totem has no version; corosync does not start", "version: 2")
    elif integer(U32, value) not in {2, None}:
        yield error(subject.line("totem.version"), f"totem version is {quoted(value)}; corosync knows 2 only")


@rule("config-version-off")
def _config_version(subject: Subject) -> Iterator[Remark]:
    """With 0 corosync lets nodes with different files form a cluster."""
    value = subject.get("totem.config_version")
    if value is None and not subject.ours:
        return
    if subject.cluster.config_version == 0 and (value is None or integer(U32, value) == 0):
        yield warning(
            subject.line("totem.config_version"),
            "config_version 0 switches off the check that all nodes have the same file",
            "start with config_version: 1",
        )


@rule("cluster-name")
def _cluster_name(subject: Subject) -> Iterator[Remark]:
    """It is the title of every list, and heartbeats carry it."""
    if subject.ours and not subject.cluster.cluster_name:
        yield warning(subject.line("totem.cluster_name"), "the cluster has no cluster_name")


@rule("token")
def _token(subject: Subject) -> Iterator[Remark]:
    """Measured: below 30 ms, or below 30 ms between retransmits (126 ms with four of them), corosync exits with 8."""
    token = _number(subject, "token", TOKEN_MS)
    retransmits = _number(subject, "token_retransmits_before_loss_const", RETRANSMITS)
    line = subject.line("totem.token")
    if int(token / (retransmits + 0.2)) < SHORTEST_MS:
        least = int(SHORTEST_MS * (retransmits + 0.2))
        yield error(line, f"token {token} ms is too short; corosync does not start", f"at least {least} ms")
    elif subject.get("totem.token") and token < 1000:
        yield warning(line, f"token {token} ms: a node that is not scheduled for so long is thrown out", "1000 or more")
    if subject.get("totem.token") and integer(U32, subject.get("totem.token") or "") == 0:
        yield error(line, f"token 0 is no timeout; corosync uses {TOKEN_MS} ms", "leave the key out")


@rule("consensus")
def _consensus(subject: Subject) -> Iterator[Remark]:
    """corosync.conf(5): at least 1.2 x token. Measured: corosync starts on less, but not on less than join."""
    value = subject.get("totem.consensus")
    consensus = integer(U32, value) if value else None
    if not consensus:
        return
    line = subject.line("totem.consensus")
    join = _number(subject, "join", JOIN_MS)
    least = -(-token_ms(subject) * 12 // 10)
    if consensus < join:
        yield error(line, f"consensus {consensus} ms is below join ({join} ms); corosync does not start")
    elif consensus < least:
        message = f"consensus {consensus} ms is below 1.2 x token ({token_ms(subject)} ms with these nodes)"
        yield warning(line, message, f"leave it out, or at least {least}")


@rule("token-warning")
def _token_warning(subject: Subject) -> Iterator[Remark]:
    """Measured: exit 8."""
    if _number(subject, "token_warning", 0) > 100:
        yield error(
            subject.line("totem.token_warning"), "token_warning is a percentage; corosync does not start above 100"
        )


@rule("crypto")
def _crypto(subject: Subject) -> Iterator[Remark]:
    """Measured: both exit with 8."""
    cipher, digest = (subject.get(f"totem.crypto_{what}") or "none" for what in ("cipher", "hash"))
    secauth = subject.get("totem.secauth") == "on"
    if cipher != "none" and digest == "none" and not secauth:
        yield error(subject.line("totem.crypto_cipher"), "crypto_cipher needs a crypto_hash; corosync does not start")
    if (cipher != "none" or digest != "none") and subject.cluster.transport in {"udp", "udpu"}:
        message = f"encryption does not exist on {subject.cluster.transport}; corosync does not start"
        yield error(subject.line("totem.transport"), message, "transport: knet")


@rule("secret")
def _secret(subject: Subject) -> Iterator[Remark]:
    """The file is readable for everybody on a default installation."""
    if subject.get("totem.key") is not None:
        yield warning(
            subject.line("totem.key"), "a secret stands in the file: totem.key", "use keyfile and corosync-keygen"
        )


@rule("interface")
def _interface(subject: Subject) -> Iterator[Remark]:
    """Measured: link numbers above 7, and ttl on knet and udpu, exit with 8."""
    transport = subject.cluster.transport
    for section in subject.sections("totem.interface"):
        number = integer(U32, section.get("linknumber") or "0") or 0
        if number >= LINKS:
            yield error(section.line, f"linknumber {number} is above {LINKS - 1}; corosync does not start")
        if transport != "udp" and (section.get("ttl") or "1") != "1":
            yield error(section.line, f"ttl does not exist on {transport}; corosync does not start")
        if transport != "knet" and (section.get("knet_link_priority") or "1") != "1":
            yield error(section.line, f"knet_link_priority does not exist on {transport}; corosync does not start")


@rule("bindnetaddr")
def _bindnetaddr(subject: Subject) -> Iterator[Remark]:
    """corosync says so in its log, too."""
    for section in subject.sections("totem.interface"):
        entry = section.entry("bindnetaddr")
        if entry and subject.cluster.nodes:
            yield warning(entry.line, "bindnetaddr has no effect beside a nodelist", "leave it out")


@rule("port-zero")
def _mcastport(subject: Subject) -> Iterator[Remark]:
    """Measured: corosync starts, and listens wherever the kernel likes."""
    for section in subject.sections("totem.interface"):
        entry = section.entry("mcastport")
        if entry and integer(U32, entry.value) == 0:
            yield error(entry.line, "mcastport 0 is no port that other nodes could know")


RULES = (
    _version,
    _config_version,
    _cluster_name,
    _token,
    _consensus,
    _token_warning,
    _crypto,
    _secret,
    _interface,
    _bindnetaddr,
    _mcastport,
)
