"""Where operators' changes are taken in: looked at, written down with who asks, passed to the core, and answered.

Every change is judged anew when it is asked for, so that nobody gets round the preflight, and what was forced is on
record. It decides nothing about the cluster: the holder does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from coroctl.daemon import outlook_machines
from coroctl.daemon.authors import Author
from coroctl.daemon.clock import now_us
from coroctl.daemon.inventory.look import Lookup
from coroctl.daemon.outlook import as_json, outlook, refusal
from coroctl.daemon.outlook_subject import Draft, Probe, Seen
from coroctl.daemon.prospect import Plan
from coroctl.daemon.protocol import Refused
from coroctl.daemon.rendering import Level
from coroctl.decision import adoption, peers
from coroctl.decision.events import Asked
from coroctl.decision.messages import ABOUT_MACHINES, Answer, Verb, Verdict
from coroctl.decision.state import Turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from coroctl.daemon.callers import Actor
    from coroctl.daemon.facts import Facts
    from coroctl.daemon.inventory.look import Known
    from coroctl.daemon.outlook import Outlook
    from coroctl.daemon.rendering import Row, Value
    from coroctl.decision.events import Event
    from coroctl.decision.messages import Edit, Request
    from coroctl.decision.state import State
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

FAILBACK = "failback"
"""The check that the holder has to know of, too."""
DENIED_EVERY_US = 1_000_000
"""One user's refusals are written down once in this time: the log is for others, too."""
TAKERS = frozenset({Verb.PRIORITY, Verb.PROMOTE, Verb.RESUME})
"""Changes that may make a node master: it is asked whether it could be."""
WITHOUT_NODE = frozenset({Verb.RESTORE, Verb.MACHINE_FORGET})


class Journal(Protocol):
    """Where it is written down."""

    def event(
        self, level: Level, name: str, term: int = 0, /, *, actor: str | None, origin: str | None, **details: Value
    ) -> Row:
        """Never waits, never fails."""


class Core(Protocol):
    """The shell around the core."""

    @property
    def state(self) -> State | None:
        """None before its first step."""

    def tell(self, event: Event) -> None:
        """On the loop."""


class Estate(Protocol):
    """The machines' side of this node."""

    def known(self) -> Known | None:
        """None before its beginning."""

    async def find(self, node: NodeId, name: str) -> Lookup:
        """Look for a machine on a node's hypervisor, in bounded time; never raises."""


class Back(NamedTuple):
    """What stands behind the desk."""

    name: str
    """Of this node."""
    core: Core
    journal: Journal
    facts: Callable[[], Facts]
    probe: Callable[[NodeId], Awaitable[Probe]]
    """Looks on a node what only that node can tell, in bounded time; never raises."""
    answer_to: Callable[[str], asyncio.Future[Answer]]
    """Becomes the answer to the request with that id."""
    draft: Callable[[Edit, Identity], Awaitable[Draft]]
    """The file as that change would leave it; the identity is that of a file to adopt. Never raises."""
    estate: Estate
    clock: Callable[[], int] = now_us
    """The core's."""


class Desk:
    """One node's; its methods are called on the loop."""

    def __init__(self, back: Back) -> None:
        self._back = back
        self._denied: dict[int, int] = {}

    async def preflight(self, edit: Edit, seen: Seen | None) -> dict[str, Any]:
        """docs/control-sockets.md says what is in it. Refused for a node that is not in the list, or in it already."""
        return as_json(await self._look(edit, seen))

    async def ask(self, request: Request, actor: Actor, forced: Collection[str]) -> Answer:
        """The end of a change. `forced`: names of checks that the operator overrides."""
        back, edit = self._back, request.edit
        author = self._author(actor)
        self._note(
            Level.NOTICE,
            "asked",
            author,
            request=request.id,
            verb=edit.verb.value,
            node=edit.node,
            value=edit.value,
            **({"text": edit.text} if edit.text else {}),
            **({"forced": ",".join(sorted(forced))} if forced else {}),
        )
        why = await self._objection(request, forced)
        # Known: asked before, and maybe while we looked. The core gives the same answer to both.
        if why and not self._is_known(request.id):
            # To this asker only: another one with the same id may have been let through, and waits for the core.
            answer = Answer(request.id, Verdict.REFUSED, why)
        else:
            waiting = back.answer_to(request.id)
            signed = edit._replace(actor=author.text)
            back.core.tell(Asked(request._replace(edit=signed, despite_failback=FAILBACK in forced)))
            answer = await asyncio.shield(waiting)
        level = Level.NOTICE if answer.verdict is Verdict.OK else Level.WARNING
        self._note(level, "answered", author, request=answer.id, verdict=answer.verdict.value, why=answer.why)
        return answer

    def denied(self, verb: str, actor: Actor) -> None:
        """Somebody who may only look has tried to change something."""
        now = self._back.clock()
        if now - self._denied.get(actor.uid, -DENIED_EVERY_US) >= DENIED_EVERY_US:
            self._denied[actor.uid] = now
            self._note(Level.WARNING, "denied", self._author(actor), verb=verb)

    def turned_away(self, verb: str, actor: Actor, user: str, why: str) -> None:
        """Somebody whom the kernel does not even let ask has wanted to change something."""
        named = {"user": user} if user else {}
        self._note(Level.WARNING, "denied", self._author(actor), verb=verb, **named, why=why)

    def turned_away_more(self, uid: int | None, count: int) -> None:
        """The same again and again: how often is written down once a minute."""
        who = "further users" if uid is None else f"uid {uid}"
        author = Author(who=f"{who} at {self._back.name}")
        self._note(Level.WARNING, "denied", author, count=count, text=f"{count} more refusals of {who}")

    def changed(self, identity: Identity, author: Author) -> None:
        """Another file is in place here."""
        details: dict[str, Value] = {"what": author.what, "configuration": str(identity)}
        if author.request:
            details["request"] = author.request
        self._note(Level.NOTICE, "changed", author, **details)

    # Within

    async def _look(self, edit: Edit, seen: Seen | None) -> Outlook:
        """What takes time first: what it is judged with is of the moment after it."""
        wanted = self._wanted(edit)
        if edit.verb in ABOUT_MACHINES:
            return await self._look_at_machines(edit, seen)
        if edit.verb is Verb.PROMOTE:
            edit = edit._replace(value=self._state().files.settings.largest() + 1)
        draft, probe = await asyncio.gather(
            self._back.draft(edit._replace(request="asked"), wanted),
            self._back.probe(edit.node) if edit.verb in TAKERS else _nothing(),
        )
        wanted, state = self._wanted(edit), self._state()
        node = state.life.node if edit.verb is Verb.ADOPT else edit.node
        plan = Plan(edit, node, draft.settings or state.files.settings, wanted)
        owned = self._owned(node) if edit.verb is Verb.NODE_REMOVE else None
        machines = outlook_machines.beside(self._back.estate.known(), edit.verb, node)
        return outlook(state, self._back.clock(), self._back.facts(), plan, draft, probe, seen, owned, machines)

    def _owned(self, node: NodeId) -> tuple[str, ...] | None:
        known = self._back.estate.known()
        inventory = known.estate.replica.inventory if known is not None else None
        if inventory is None or not inventory.machines:
            return None
        return tuple(sorted(one.name for one in inventory.owned(node)))

    async def _look_at_machines(self, edit: Edit, seen: Seen | None) -> Outlook:
        back = self._back
        adopts = edit.verb is Verb.MACHINE_ADOPT
        lookup = await back.estate.find(edit.node, edit.text) if adopts else Lookup()
        plan = Plan(edit, edit.node, self._state().files.settings, self._wanted(edit))
        case = outlook_machines.Case(back.facts(), plan, back.estate.known(), lookup, seen)
        return outlook_machines.outlook(self._state(), back.clock(), case)

    def _wanted(self, edit: Edit) -> Identity:
        """The file that the change is made on, or that is to be adopted. Refused if it cannot be made on any."""
        state = self._state()
        settings = state.files.settings
        if edit.verb is Verb.ADOPT:
            turn = Turn(state, self._back.clock(), 0)
            peers.survey(turn)
            found = adoption.target(turn, edit.node)
            if found is None:
                raise Refused("argument", adoption.why_none(edit.node))
            return found
        known = settings.member(edit.node) is not None
        if edit.verb not in WITHOUT_NODE and known is (edit.verb is Verb.NODE_ADD):
            who = f"node {edit.node}"
            raise Refused("argument", f"{who} is in the node list" if known else f"there is no {who} in the node list")
        return settings.identity

    async def _objection(self, request: Request, forced: Collection[str]) -> str:
        try:
            found = await self._look(request.edit, Seen(request.term, request.identity))
        except Refused as refused:
            return str(refused)
        return refusal(found, forced)

    def _is_known(self, request: str) -> bool:
        """Whether the core has it already."""
        business = self._state().business
        return any(one.id == request for one in business.told) or any(one.id == request for one, _ in business.asked)

    def _state(self) -> State:
        state = self._back.core.state
        assert state is not None
        return state

    def _author(self, actor: Actor) -> Author:
        return Author(who=f"{actor} at {self._back.name}", origin=_claimed(actor))

    def _note(self, level: Level, name: str, author: Author, **details: Value) -> None:
        state = self._back.core.state
        term = state.ballots.term if state is not None else 0
        self._back.journal.event(level, name, term, actor=author.who or None, origin=author.origin or None, **details)


async def _nothing() -> Probe:
    return Probe()


def _claimed(actor: Actor) -> str:
    user, origin = actor.claimed
    return f"{user} from {origin}" if user and origin else user or origin
