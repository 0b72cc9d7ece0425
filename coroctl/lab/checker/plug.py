"""The probe's own cable on the lab's bridge, named like everything of the lab's so that ``coroctl lab gc`` finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.lab.checker.records import View
from coroctl.lab.network import exists
from coroctl.lab.run import attempt, run

if TYPE_CHECKING:
    from coroctl.lab.plan import Plan

SENDERS = {View.CLIENT: 250, View.BRIDGE: 251}
"""Last byte of the addresses that the probe asks under; nobody has them."""


def name(plan: Plan) -> str:
    """The host's end of the cable."""
    return f"clab{plan.index}probe"


def plug_in(plan: Plan) -> str:
    """Make the cable, one end on the lab's first bridge; the name of the other."""
    end, plugged = name(plan), f"{name(plan)}p"
    unplug(plan)
    run(["ip", "link", "add", end, "type", "veth", "peer", "name", plugged])
    for each in (end, plugged):
        run(["ip", "link", "set", each, "addrgenmode", "none"])
    run(["ip", "link", "set", plugged, "master", plan.networks[0].bridge, "up"])
    run(["ip", "link", "set", end, "up"])
    return end


def unplug(plan: Plan) -> None:
    """Take it away, if it is there."""
    if exists(name(plan)):
        attempt(["ip", "link", "delete", name(plan)])
