"""The file as a change would leave it: what it says, what differs, and what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.configuration import parsed, settings_of
from coroctl.daemon.drafting import LINES, Drafting
from coroctl.daemon.holdings import FilesError
from coroctl.daemon.identities import identity_of
from coroctl.decision.messages import Edit, Verb
from coroctl.model import NodeId
from tests.conf.samples import GOOD, changed

if TYPE_CHECKING:
    from coroctl.decision.values import Identity

N9, NOBODY = NodeId(9), NodeId(0)
OWN = identity_of(GOOD)
FORMER = changed("prio: 40", "prio: 41").replace(b"config_version: 7", b"config_version: 5")
BROKEN = changed("cloud_ip: 10.0.0.100", "cloud_ip: 127.0.0.1").replace(b"config_version: 7", b"config_version: 4")
LONG = changed("totem {", "# a comment\n" * 1000 + "totem {").replace(b"config_version: 7", b"config_version: 3")
FILES = {identity_of(data): data for data in (GOOD, FORMER, BROKEN, LONG)}


async def in_place() -> bytes:
    return GOOD


async def find(wanted: Identity, _within_s: float) -> bytes:
    if wanted not in FILES:
        raise FilesError(f"nobody has {wanted}")
    return FILES[wanted]


DRAFTING = Drafting(lambda: GOOD, in_place, find, lambda data: settings_of(parsed(data)))


def restore(data: bytes) -> Edit:
    found = identity_of(data)
    return Edit(Verb.RESTORE, NOBODY, text=f"{found.version} {found.digest}")


async def test_a_change_of_one_setting() -> None:
    draft = await DRAFTING.draft(Edit(Verb.PRIORITY, N9, 41, "asked"), OWN)
    assert (draft.problem, draft.changes) == ("", ("node 9: prio: 40 -> 41",))
    assert draft.settings is not None
    assert (draft.settings.identity.version, draft.settings.largest()) == (8, 100)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (Edit(Verb.PRIORITY, N9, 1_000_001, "asked"), "above 1000000"),
        (Edit(Verb.NODE_REMOVE, NodeId(8)), "no node with nodeid 8"),
        (restore(GOOD), "in nothing but the number"),
        (Edit(Verb.RESTORE, NOBODY, text="2 cd"), "nobody has 2:cd"),
        (Edit(Verb.RESTORE, NOBODY, text="nonsense"), "nobody has 0:"),
    ],
)
async def test_what_cannot_be_made(edit: Edit, problem: str) -> None:
    draft = await DRAFTING.draft(edit, OWN)
    assert problem in draft.problem
    assert draft.settings is None


async def test_what_would_be_refused_is_shown_all_the_same() -> None:
    zero = GOOD.replace(b"prio: 100", b"prio: 0").replace(b"prio: 40", b"prio: 0")
    drafting = Drafting(lambda: zero, in_place, find, lambda data: settings_of(parsed(data)))
    draft = await drafting.draft(Edit(Verb.PRIORITY, NodeId(13), 0, "asked"), OWN)
    assert "every node has prio 0" in draft.problem
    assert draft.settings is not None
    assert draft.changes


async def test_a_former_file_comes_as_the_next_version() -> None:
    draft = await DRAFTING.draft(restore(FORMER), OWN)
    assert (draft.problem, draft.changes) == ("", ("node 9: prio: 40 -> 41",))
    assert draft.settings is not None
    assert draft.settings.identity.version == 8
    assert "-    prio: 40" in draft.lines
    assert "loopback" in (await DRAFTING.draft(restore(BROKEN), OWN)).problem


async def test_a_file_is_adopted_as_it_is() -> None:
    draft = await DRAFTING.draft(Edit(Verb.ADOPT, NOBODY), identity_of(FORMER))
    assert draft.settings is not None
    assert draft.settings.identity == identity_of(FORMER)
    assert "loopback" in (await DRAFTING.draft(Edit(Verb.ADOPT, NOBODY), identity_of(BROKEN))).problem


async def test_a_long_difference_is_cut() -> None:
    draft = await DRAFTING.draft(restore(LONG), OWN)
    assert (len(draft.lines), draft.changes) == (LINES + 1, ())
    assert draft.lines[-1].endswith("more lines")
