"""An operator has this node take the cluster's file, over whatever file it has itself.

A node never does that by itself where something of its own would be lost: a file of the same number, a higher one, one
that never was the cluster's. It needs no holder, and nobody else is concerned: whoever asks is asked at the node, and
names the file that they have seen. Safe as any load: the former list of voters counts until the new one is everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import files, requests
from coroctl.decision.actions import FetchFile, Reply
from coroctl.decision.messages import Answer, Verdict
from coroctl.decision.state import Adoption
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.messages import Request
    from coroctl.decision.state import Turn
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId


def asked(turn: Turn, request: Request) -> None:
    """From the control socket. The same id twice is one request."""
    known = next((one for one in turn.business.told if one.id == request.id), None)
    if known is not None:
        turn.do(Reply(turn.life.node, known))
        return
    under_way = turn.files.adopting
    if under_way is not None and under_way.request == request.id:
        return
    why = objection(turn, request)
    if why:
        requests.tell(turn, Answer(request.id, Verdict.REFUSED, why))
    else:
        source = next(node for node, news in turn.heard.items() if news.identity == request.identity)
        turn.files = turn.files._replace(adopting=Adoption(request.id, request.identity, source), trouble=None)


def objection(turn: Turn, request: Request) -> str:
    """Why the file is not taken; empty if it is."""
    own = turn.files.settings.identity
    if turn.files.adopting is not None:
        return "another file is being adopted"
    wanted = target(turn, request.edit.node)
    if wanted is None:
        return why_none(request.edit.node)
    if wanted != request.identity:
        return f"{requests.MOVED_ON}: the file is {wanted}"
    if turn.current not in (None, wanted):
        return f"a majority of the nodes has loaded another file, {turn.current}"
    if wanted == own and turn.files.conflict is None:
        return "this node has that file already"
    if all(news.identity != wanted for news in turn.heard.values()):
        return "no other node that is heard has that file"
    return ""


def why_none(node: NodeId) -> str:
    """Why there is no file to adopt."""
    if node != NOBODY:
        return f"node {node} is not heard"
    return "no file is loaded by a majority of the nodes: name the node whose file is to be taken"


def target(turn: Turn, node: NodeId) -> Identity | None:
    """The file of that node, or the cluster's."""
    if node == NOBODY:
        return turn.current
    news = turn.heard.get(node)
    return None if news is None else news.identity


def follow(turn: Turn) -> None:
    """The next step, when no other file operation is in flight."""
    adopting = turn.files.adopting
    if adopting is None or turn.files.number:
        return
    if turn.files.fetched == adopting.identity:
        files.load(turn, adopting.identity)
        return
    number = turn.number()
    turn.files = turn.files._replace(number=number, since=turn.now, fetching=adopting.identity)
    turn.do(FetchFile(number, adopting.identity, adopting.source, adopted=True))


def loaded(turn: Turn) -> None:
    """Some file has been loaded."""
    adopting = turn.files.adopting
    if adopting is not None and turn.files.settings.identity == adopting.identity and turn.files.conflict is None:
        conclude(turn, Verdict.OK, "")


def failed(turn: Turn, number: int, why: str) -> None:
    """Once it may have been put in place, nobody can say that it never was."""
    adopting, at_work = turn.files.adopting, turn.files.fetching or turn.files.loading
    if adopting is not None and number == turn.files.number and at_work == adopting.identity:
        conclude(turn, Verdict.REFUSED if turn.files.loading is None else Verdict.UNKNOWN, why)


def conclude(turn: Turn, verdict: Verdict, why: str) -> None:
    """Tell whoever asked."""
    adopting = turn.files.adopting
    assert adopting is not None
    turn.files = turn.files._replace(adopting=None)
    requests.tell(turn, Answer(adopting.request, verdict, why))
