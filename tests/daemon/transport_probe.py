"""Run by test_transport in a network namespace of its own: addresses and routes that come and go under the sockets."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress

from coroctl.decision.events import Heard
from coroctl.model import NodeId
from tests.daemon.test_transport import LIFE, ONE, TWO, WAIT_S, Station, said_by

PORT = 5420


def ip(*words: str) -> None:
    """Run ip."""
    subprocess.run(["ip", *words], check=True, timeout=10)


async def reached(sender: Station, hearer: Station, sequence: int) -> None:
    """Send until something of this sequence is heard."""
    async with asyncio.timeout(WAIT_S):
        while True:
            sender.transport.send_heartbeat(said_by(sender.node, sequence=sequence))
            with suppress(TimeoutError):
                if await asyncio.wait_for(hearer.told.get(), 0.05) == Heard(said_by(sender.node, sequence=sequence)):
                    return


async def an_address_that_comes_late_and_goes() -> None:
    """The socket is opened once the address is there, and outlives its absence."""
    addresses = {ONE: ("10.99.0.1",), TWO: ("10.99.0.2",), NodeId(3): ("192.0.2.1",)}
    ip("addr", "add", "10.99.0.2/24", "dev", "d0")
    one, two = (Station(node, PORT, addresses, LIFE) for node in (ONE, TWO))
    assert one.transport.missing_links() == {0: "cannot use 10.99.0.1 port 5420: Cannot assign requested address"}
    assert [node for node, _ in one.warned] == [ONE]
    two.transport.send_heartbeat(said_by(TWO))
    assert two.count(NodeId(3), "send ENETUNREACH") == 1
    one.transport.send_heartbeat(said_by(ONE))
    assert one.count(TWO, "send NO_LINK") == 1

    ip("addr", "add", "10.99.0.1/24", "dev", "d0")
    await reached(two, one, 2)
    assert not one.transport.missing_links()
    assert len(one.warned) == 1
    await reached(one, two, 3)

    ip("addr", "del", "10.99.0.1/24", "dev", "d0")
    one.transport.send_heartbeat(said_by(ONE, sequence=4))
    assert any(what.startswith("send E") for node, what in one.transport.counters() if node == TWO)
    ip("addr", "add", "10.99.0.1/24", "dev", "d0")
    await reached(one, two, 5)
    await reached(two, one, 5)
    one.transport.close()
    two.transport.close()


async def addresses_of_one_link_only() -> None:
    """IPv6 addresses that mean something only together with their device."""
    for last in (1, 2):
        ip("addr", "add", f"fe80::{last}/64", "dev", "d0", "nodad")
    addresses = {ONE: ("fe80::1%d0",), TWO: ("fe80:0::2%d0",)}
    one, two = (Station(node, PORT, addresses, LIFE) for node in (ONE, TWO))
    await reached(one, two, 1)
    await reached(two, one, 1)
    assert not one.warned
    assert not two.warned
    one.transport.close()
    two.transport.close()


async def main() -> None:
    """All of it."""
    ip("link", "set", "lo", "up")
    ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
    ip("link", "set", "d1", "up")
    ip("link", "set", "d0", "up")
    await an_address_that_comes_late_and_goes()
    await addresses_of_one_link_only()
    print("reached the end")


if __name__ == "__main__":
    asyncio.run(main())
