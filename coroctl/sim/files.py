"""Configuration files as values: what each says, and what an edit makes of it."""

from __future__ import annotations

from typing import NamedTuple

from coroctl.decision.messages import Edit, Verb
from coroctl.decision.settings import Member, Settings

CEILING = 1_000_000


class File(NamedTuple):
    """A corosync.conf: what it says, and which requests' edits it contains."""

    settings: Settings
    requests: tuple[str, ...] = ()


def edited(settings: Settings, edit: Edit) -> Settings | None:
    """The values after an edit; None if it makes no sense."""
    members = settings.members
    row = settings.member(edit.node)
    if edit.verb is Verb.NODE_ADD:
        return settings._replace(members=(*members, Member(edit.node, edit.value))) if row is None else None
    if row is None:
        return None
    if edit.verb is Verb.NODE_REMOVE:
        rest = tuple(one for one in members if one.node != edit.node)
        return settings._replace(members=rest) if rest else None
    match edit.verb:
        case Verb.PRIORITY | Verb.PROMOTE:
            changed = row._replace(prio=edit.value)
        case Verb.SUSPEND | Verb.RESUME:
            changed = row._replace(suspended=edit.verb is Verb.SUSPEND)
        case _:
            return None
    members = tuple(changed if one.node == edit.node else one for one in members)
    return settings._replace(members=renumbered(members) if changed.prio > CEILING else members)


def restored(settings: Settings, former: Settings) -> Settings | None:
    """A former file's values over the present ones; None if they are the same."""
    after = former._replace(identity=settings.identity)
    return None if after == settings else after


def renumbered(members: tuple[Member, ...]) -> tuple[Member, ...]:
    """At the ceiling all become 10, 20, 30 ... in their order; 0 stays 0."""
    order = sorted((one for one in members if one.prio), key=lambda one: (one.prio, -one.node))
    new = {one.node: 10 * (place + 1) for place, one in enumerate(order)}
    return tuple(one._replace(prio=new.get(one.node, 0)) for one in members)
