"""Opens sockets inside a node's network for the recorder, which stays outside: ``... entry LAB NODE FD``.

It waits until the node has a network of its own, enters it, and hands over through the socket FD what stays bound to
it: a socket for address events, one for nftables events, and the hardware address of the first interface.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys

from coroctl.errors import LabError
from coroctl.lab import node
from coroctl.lab.plan import load
from coroctl.lab.run import until

NETLINK_NETFILTER = 12

_INSIDE = "--inside"
_BOOT_S = 60
_ADDRESS_GROUP = 0x10
_NFTABLES_GROUP = 1 << 6
_RECEIVE_BYTES = 8 << 20
_SO_RCVBUFFORCE = 33
_SIOCGIFHWADDR = 0x8927


def main() -> None:
    """Enter, then hand over."""
    if sys.argv[1] == _INSIDE:
        _hand_over(int(sys.argv[2]))
    else:
        _enter(*sys.argv[1:4])


def _enter(lab: str, name: str, descriptor: str) -> None:
    plan = load(lab)
    try:
        init = until(lambda: node.init_pid(plan, plan.node(name)), _BOOT_S, f"{name} to have a network", every_s=0.01)
    except LabError as error:
        sys.exit(str(error))  # the recorder sees the socket close
    os.set_inheritable(int(descriptor), True)
    inside = [sys.executable, "-P", "-m", "coroctl.lab.checker.entry", _INSIDE, descriptor]
    os.execvp("nsenter", ["nsenter", f"--target={init}", "--net", *inside])  # noqa: S606


def _hand_over(descriptor: int) -> None:
    with (
        socket.socket(fileno=descriptor) as recorder,
        _subscribed(socket.NETLINK_ROUTE, _ADDRESS_GROUP) as addresses,
        _subscribed(NETLINK_NETFILTER, _NFTABLES_GROUP) as nftables,
    ):
        mac = until(lambda: _cable(addresses), _BOOT_S, "the node to have its cable", every_s=0.005)
        socket.send_fds(recorder, [mac], [addresses.fileno(), nftables.fileno()])


def _subscribed(protocol: int, groups: int) -> socket.socket:
    """Subscribed before anything is asked, so that nothing falls between."""
    told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    told.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BYTES)
    told.bind((0, groups))
    return told


def _cable(within: socket.socket) -> bytes | None:
    try:
        return hardware_address(within, "eth0")
    except OSError:
        return None


def hardware_address(within: socket.socket, interface: str) -> bytes:
    """Six bytes, of an interface in the socket's network."""
    answer = fcntl.ioctl(within, _SIOCGIFHWADDR, interface.encode().ljust(40, b"\0"))
    return answer[18:24]


if __name__ == "__main__":
    main()
