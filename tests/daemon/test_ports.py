"""Ports of real listeners on loopback."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import pytest

from coroctl.daemon.ports import PortsError, check

HOST = "127.0.0.1"


def listener(stack: ExitStack, port: int = 0) -> int:
    sock = stack.enter_context(socket.create_server((HOST, port)))
    number: int = sock.getsockname()[1]
    return number


def closed_port() -> int:
    with ExitStack() as stack:
        return listener(stack)


async def test_all_ports_answer() -> None:
    with ExitStack() as stack:
        await check(HOST, [listener(stack), listener(stack)], 5)


async def test_no_ports_are_all_right() -> None:
    await check(HOST, [], 0)


async def test_those_that_do_not_answer_are_named() -> None:
    with ExitStack() as stack:
        here, gone = listener(stack), closed_port()
        with pytest.raises(PortsError) as caught:
            await check(HOST, [here, gone], 0.3)
    assert str(caught.value) == f"on {HOST} after 0.3 s: {gone} (connection refused)"


async def test_a_port_that_opens_later_is_waited_for() -> None:
    port = closed_port()
    with ExitStack() as stack:
        checking = asyncio.create_task(check(HOST, [port], 10))
        assert not (await asyncio.wait({checking}, timeout=0.2))[0]
        listener(stack, port)
        await checking


async def test_a_listener_that_takes_nobody_is_not_waited_for_without_end() -> None:
    with socket.create_server((HOST, 0), backlog=0) as full, ExitStack() as stack:
        port = full.getsockname()[1]
        for _ in range(8):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex((HOST, port))
        with pytest.raises(PortsError, match="no answer"):
            await check(HOST, [port], 0.3)
