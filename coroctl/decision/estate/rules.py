"""The seam of the mutation test, as decision/rules.py is for the lease: one flag a rule, all true in production."""

from __future__ import annotations

from typing import NamedTuple


class Rules(NamedTuple):
    """Everything true: docs/machines.md. A False breaks one rule, for the mutation test only."""

    open_on_newest: bool = True
    """I2: a new master copies the newest replica that it hears of before it opens its epoch."""
    follow_only_the_holder: bool = True
    """I3: operations are taken only from the holder of the newest tenure, each right after the one it was made on."""
    acknowledged_by_all: bool = True
    """I4: ok only when every replica that is heard has stored it."""
    heard_the_epoch: bool = True
    """M1: nothing is started or resumed before the holder's inventory has been heard in this life, and with quorum."""
    settled_before_start: bool = True
    """M2: a grant counts once it is acknowledged."""
    given_up_by_owner: bool = True
    """M2: a machine gets another owner only when the former one has given it up, or is clear."""
    stopped_before_given_up: bool = True
    """M2 (a): a machine is given up only after the hypervisor has said that no start of it is under way."""
    arriving_is_left: bool = True
    """M3: a machine that is arriving by live migration is not destroyed."""
    leftover_is_destroyed: bool = True
    """M6 (d): an owner resumes no copy that came otherwise than by a grant on its former owner's word."""
    copying_is_aborted: bool = True
    """M6 (e): below quorum a live migration is aborted, and the machine paused."""
    pause_below_quorum: bool = True
    """M4."""
    noted_before_paused: bool = True
    """M4: that a machine is paused by us is stored before it is, or nobody would resume it after a crash."""
    signs_through_others: bool = True
    """C1, C2: what other nodes echo of a lost one counts as a sign of life."""
    status_after_off: bool = True
    """C1: a status that says off is asked for after `off`."""
    watchdog_from_last_sign: bool = True
    """C2: counted from the last sign, by the holder's clock."""
    watchdog_grace: bool = True
    """C2: the node may have gone on feeding it for a while."""
    armed_by_majority: bool = True
    """C2: a majority knows it as armed."""
    disarm_is_told: bool = True
    """C2: a watchdog is disarmed only after a majority was told."""
    feed_needs_quorum: bool = True
    """C2: a node that holds something feeds only while it is quorate."""


RULES = Rules()
