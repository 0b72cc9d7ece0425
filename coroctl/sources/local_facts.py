"""What lint may know of this machine: its name and its addresses."""

from __future__ import annotations

import json
import os
import subprocess

from coroctl.conf.finding import LocalAddress, LocalFacts

ASK_S = 2


def local_facts() -> LocalFacts | None:
    """Host name and addresses; None if they cannot be had. Blocks for up to `ASK_S`."""
    try:
        asked = subprocess.run(["ip", "-j", "addr"], capture_output=True, timeout=ASK_S, check=True)
        devices = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    addresses = (
        LocalAddress(device["ifname"], address["local"], address["prefixlen"])
        for device in devices
        for address in device.get("addr_info", ())
        if "local" in address
    )
    return LocalFacts(os.uname().nodename, tuple(addresses))
