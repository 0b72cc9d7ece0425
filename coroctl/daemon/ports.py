"""Whether the manager's web server answers on the cluster address."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Iterable

AGAIN_S = 0.03
ATTEMPT_S = 1.0


class PortsError(CoroctlError):
    """A port of the manager does not answer."""


async def check(address: str, ports: Iterable[int], timeout_s: float) -> None:
    """Return once every port has taken a TCP connection; PortsError names those that have not in ``timeout_s``."""
    missing = dict.fromkeys(ports, "no answer")
    attempts = [asyncio.create_task(_until_open(address, port, missing)) for port in missing]
    if not attempts:
        return
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*attempts)
    except TimeoutError:
        named = ", ".join(f"{port} ({why})" for port, why in sorted(missing.items()))
        raise PortsError(f"on {address} after {timeout_s:g} s: {named}") from None
    finally:
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)


async def _until_open(address: str, port: int, missing: dict[int, str]) -> None:
    while True:
        try:
            async with asyncio.timeout(ATTEMPT_S):
                await _connect(address, port)
        except TimeoutError:
            missing[port] = "no answer"
        except OSError as error:
            missing[port] = os.strerror(error.errno or 0).lower()
        else:
            del missing[port]
            return
        await asyncio.sleep(AGAIN_S)


async def _connect(address: str, port: int) -> None:
    with socket.socket() as connection:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
