"""Operators' requests: at the node that was asked, and at the holder that carries them out.

A request goes to one holder only: this tenure in this life. If that holder is gone before it has answered, nobody
knows whether the change is in force, and the answer is "unknown": a later holder must not be asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import changes
from coroctl.decision.actions import Pass, Relay, Reply
from coroctl.decision.lease import holds
from coroctl.decision.messages import ABOUT_MACHINES, Answer, Request, Verb, Verdict
from coroctl.decision.settings import SECOND
from coroctl.decision.values import Office

if TYPE_CHECKING:
    from coroctl.decision.state import Turn
    from coroctl.decision.values import Tenure
    from coroctl.model import NodeId

PATIENCE_US = 20 * SECOND
REMEMBERED = 4096
"""More than come within PATIENCE_US: a request whose answer was lost is asked again, and must not be judged anew."""
MOVED_ON = "changed since you looked"


# At the node that was asked


def asked(turn: Turn, request: Request) -> None:
    """From the control socket. The same id twice is one request."""
    business = turn.business
    known = next((one for one in business.told if one.id == request.id), None)
    if known is not None:
        turn.do(Reply(turn.life.node, known))
        return
    if any(one.id == request.id for one, _ in business.asked):
        return
    target = holder(turn)
    if target is None:
        tell(turn, Answer(request.id, Verdict.REFUSED, "there is no holder that could do it"))
        return
    node, tenure, incarnation = target
    addressed = request._replace(origin=turn.life.node, addressed=(tenure, incarnation))
    turn.business = business._replace(asked=(*business.asked, (addressed, turn.now + PATIENCE_US)))
    if node == turn.life.node:
        take(turn, addressed)
    else:
        turn.do(Relay(node, addressed))


def holder(turn: Turn) -> tuple[NodeId, Tenure, int] | None:
    """Who holds the lease, as far as this node hears; with its tenure and its life."""
    tenure = turn.claim.tenure
    if holds(turn) and tenure is not None:
        return turn.life.node, tenure, turn.life.incarnation
    found = None
    for node, news in turn.heard.items():
        newer = news.tenure is not None and (found is None or news.tenure.term > found[1].term)
        if news.office is Office.HOLDING and news.tenure is not None and newer:
            found = node, news.tenure, turn.peers[node].incarnation
    return found


def follow_up(turn: Turn, *, beat: bool) -> None:
    """Repeat what is unanswered with each heartbeat; end it when its holder is gone, or time is up."""
    if not turn.business.asked:
        return
    target = holder(turn)
    for request, until in turn.business.asked:
        if turn.now >= until or target is None or target[1:] != request.addressed:
            settle(turn, Answer(request.id, Verdict.UNKNOWN, "the holder was lost before it answered"))
        elif beat and target[0] != turn.life.node:
            turn.do(Relay(target[0], request))


def settle(turn: Turn, answer: Answer) -> None:
    """The end of a request that is under way here."""
    rest = tuple(one for one in turn.business.asked if one[0].id != answer.id)
    if len(rest) < len(turn.business.asked):
        turn.business = turn.business._replace(asked=rest)
        tell(turn, answer)


def tell(turn: Turn, answer: Answer) -> None:
    """To the operator, and remembered."""
    turn.business = turn.business._replace(told=(*turn.business.told, answer)[-REMEMBERED:])
    turn.do(Reply(turn.life.node, answer))


# At the holder


def relayed(turn: Turn, request: Request) -> None:
    """From another daemon: only if it is meant for this tenure in this life."""
    if holds(turn) and request.addressed == (turn.claim.tenure, turn.life.incarnation):
        take(turn, request)


def take(turn: Turn, request: Request) -> None:
    """Begin it, refuse it, or answer again what was answered before."""
    business = turn.business
    known = next((one for one in business.answered if one.id == request.id), None)
    if known is not None:
        answer(turn, request.origin, known)
        return
    if business.change is not None and business.change.edit.request == request.id:
        return
    why = objection(turn, request)
    if not why and request.edit.verb in ABOUT_MACHINES:
        turn.do(Pass(request))
    elif why:
        answer(turn, request.origin, Answer(request.id, Verdict.REFUSED, why))
    else:
        edit = request.edit._replace(request=request.id)
        if edit.verb is Verb.PROMOTE:
            edit = edit._replace(value=turn.files.settings.largest() + 1)
        changes.begin(turn, edit, request.origin)


def objection(turn: Turn, request: Request) -> str:
    """Why a request is refused; empty if it is not."""
    settings, tenure = turn.files.settings, turn.claim.tenure
    if tenure is None or request.term != tenure.term:
        return f"{MOVED_ON}: the term is another one"
    if request.edit.verb in ABOUT_MACHINES:
        return ""
    if request.identity != settings.identity:
        return f"{MOVED_ON}: the configuration is another one"
    known = settings.member(request.edit.node) is not None
    if request.edit.verb is not Verb.RESTORE and known is (request.edit.verb is Verb.NODE_ADD):
        return "that node is in the list" if known else "no such node"
    if request.edit.verb is Verb.PROMOTE and settings.failback and not request.despite_failback:
        return "failback is on: a promotion makes that node the preferred one for good"
    why = changes.ready(turn)
    return f"{MOVED_ON}: {why}" if why else ""


def answer(turn: Turn, origin: NodeId, what: Answer) -> None:
    """To the node that was asked; remembered for this tenure, so that a repetition has no second effect."""
    answered = turn.business.answered
    if what not in answered:
        turn.business = turn.business._replace(answered=(*answered, what)[-REMEMBERED:])
    if origin == turn.life.node:
        settle(turn, what)
    else:
        turn.do(Reply(origin, what))
