"""Virtual machines in every state, and a node whose machines wait."""

from __future__ import annotations

from coroctl.model import Failure, Machinery, NodeId, Wait
from coroctl.sources.fleet import Fleet, Guest, Move
from tests.alarms.build import NOW, ONE, THREE, TWO

FAILED = Failure(THREE, "fenced by its agent in 3.1 s", NOW - 60, 2)
MACHINERY = Machinery(7, (Wait(THREE, "confirm-dead: no fencing is configured", None, ""),), (FAILED,), ())
RECOVERED = Move(None, TWO, "recovered", NOW - 56)
FLEET = Fleet(
    (
        Guest("db", TWO, "running", "running", TWO, 100, 4096, None, (), RECOVERED, live=False, stayed=""),
        Guest("mail", ONE, "running", "paused", ONE, 50, 1024, None, (), None, live=False, stayed=""),
        Guest("old", None, "off", "off", ONE, 0, 512, None, (), None, live=False, stayed=""),
        Guest(
            "queue",
            None,
            "running",
            "running",
            THREE,
            0,
            512,
            None,
            (),
            Move(THREE, None, FAILED.why, FAILED.at),
            live=False,
            stayed="",
        ),
        Guest("web", ONE, "running", "running", ONE, 20, 2048, TWO, (), None, live=False, stayed=""),
        Guest("web2", TWO, "running", "off", NodeId(3), 20, 2048, None, (), RECOVERED, live=False, stayed=""),
        Guest(
            "wiki",
            None,
            "running",
            "failed",
            TWO,
            0,
            256,
            None,
            (ONE, TWO),
            Move(TWO, None, "its start failed", NOW),
            live=False,
            stayed="",
        ),
    ),
    known=True,
)
