"""A member's side of the configuration (section 7, L16): what it has loaded, what it stages, when it loads that.

Staging is a promise like a vote. A member stages a proposal only under a ballot whose term is not below its vote's,
never while a grant is on its way to the disk, and grants nothing while a file is: so whoever wins a majority of votes
afterwards hears of every file that a former holder may have committed, and settles it first (changes.py). That, and
loading only what a majority has staged, is why no two files ever have one version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import peers
from coroctl.decision.actions import Alarm, Event, FetchFile, LoadFile, StageFile
from coroctl.decision.log import alarm, log, over
from coroctl.decision.settings import Voters
from coroctl.decision.state import Trouble
from coroctl.decision.values import Office, Proposal, Staged
from coroctl.decision.voter import floor

if TYPE_CHECKING:
    from coroctl.decision.settings import Settings
    from coroctl.decision.state import Turn
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

RETRY_US = 500_000
MOST_RETRY_US = 16 * RETRY_US
"""Between two attempts to load a file that corosync does not take: each disturbs every node's corosync."""


def loaded(turn: Turn, settings: Settings) -> None:
    """corosync has loaded a file. The same number with other content is refused; a new voter list counts beside."""
    files = turn.files
    old = files.settings.identity
    if settings.identity.version == old.version and settings.identity not in (old, files.loading):
        turn.files = files._replace(conflict=settings.identity, loading=None, number=0)
        alarm(turn, Alarm.CONFLICT, str(settings.identity))
        return
    over(turn, Alarm.CONFLICT)
    voters = Voters.of(settings.voters(), majority=turn.life.rules.majority)
    lists = files.lists
    if voters.weights != lists[0].weights:
        lists = (voters, *lists)
        if len(voters.weights.keys() ^ files.lists[0].weights.keys()) > 1:
            alarm(turn, Alarm.TOO_MANY_CHANGES)
        log(turn, Event.BOTH_LISTS, settings.identity)
    turn.files = files._replace(
        settings=settings, lists=lists, conflict=None, loading=None, number=0, fetched=None, trouble=None
    )
    keep_lists(turn)
    if settings.identity != old:
        log(turn, Event.CONFIGURATION, settings.identity)


def keep_lists(turn: Turn) -> None:
    """The lists that count are part of the record: a crash must not forget the former one."""
    pairs = tuple(one.pairs() for one in turn.files.lists)
    if turn.disk.wanted.lists != pairs:
        turn.disk = turn.disk._replace(wanted=turn.disk.wanted._replace(lists=pairs))


def settle_lists(turn: Turn) -> None:
    """L16: the former lists stop counting once majorities of all of them are heard to have loaded the new one."""
    lists = turn.files.lists
    if len(lists) < 2 or holder_is_leaving(turn):
        return
    have = {node for node, news in turn.heard.items() if news.voters_digest == lists[0].digest} | {turn.life.node}
    if peers.is_majority(turn, have):
        turn.files = turn.files._replace(lists=lists[:1])
        turn.lists = turn.files.lists
        keep_lists(turn)
        log(turn, Event.ONE_LIST, turn.files.settings.identity)


def holder_is_leaving(turn: Turn) -> bool:
    """Whether the vote is a holder's that the new list has no more: heard as long, or its release would not be."""
    vote, ballots = turn.disk.wanted.vote, turn.ballots
    if vote is None or vote.node in turn.files.lists[0].weights or ballots.freed:
        return False
    turn.wake_at(ballots.promise_until)
    return turn.now < ballots.promise_until


def follow(turn: Turn) -> None:
    """One file operation at a time: load what is committed, stage what is proposed, fetch what is current."""
    files = turn.files
    if files.number:
        return
    if turn.now < files.retry_at:
        turn.wake_at(files.retry_at)
        return
    if load_committed(turn):
        return
    proposal = proposed(turn)
    if proposal is not None:
        take(turn, proposal)
    else:
        catch_up(turn)


def load_committed(turn: Turn) -> bool:
    """What is staged here and loaded by anybody, or said to be committed by its holder, was decided: load it."""
    staged, own = turn.files.staged, turn.files.settings.identity
    if staged is None or staged.identity is None or staged.identity.version != own.version + 1:
        return False
    identity = staged.identity
    if any(news.identity == identity for news in turn.heard.values()) or committed(turn, identity):
        return load(turn, identity)
    return False


def committed(turn: Turn, identity: Identity) -> bool:
    """Whether a holder says so, this node included."""
    change = turn.business.change
    own = change.proposal if change is not None else None
    said = [news.proposal for news in turn.heard.values()] + [own]
    return any(one is not None and one.committed and one.identity == identity for one in said)


def proposed(turn: Turn) -> Proposal | None:
    """The proposal with the highest ballot that may still be staged here."""
    files, disk = turn.files, turn.disk
    if not turn.life.trusted:
        lost = peers.staged_elsewhere(turn)
        if lost is None:
            return None
        return Proposal(lost[0].ballot, files.settings.identity, lost[0].identity, lost[1], committed=False)
    change = turn.business.change
    found = change.proposal if change is not None and turn.claim.office is Office.HOLDING else None
    for news in turn.heard.values():
        if news.proposal is not None and (found is None or news.proposal.ballot > found.ballot):
            found = news.proposal
    if found is None or found.base != files.settings.identity or found.ballot.term < floor(disk.wanted):
        return None
    if files.staged is not None and files.staged.ballot >= found.ballot:
        return None
    return found if disk.wanted.vote == disk.durable.vote else None


def take(turn: Turn, proposal: Proposal) -> None:
    """Stage it; fetch it first, if it is not here."""
    files = turn.files
    identity = proposal.identity
    here = {files.fetched, files.staged.identity if files.staged else None}
    number = turn.number()
    if identity is None or identity in here:
        staged = Staged(proposal.ballot, identity)
        turn.files = files._replace(number=number, since=turn.now, staging=staged)
        turn.do(StageFile(number, staged))
    else:
        fetch(turn, number, identity, proposal.source)


def fetch(turn: Turn, number: int, identity: Identity, source: NodeId) -> None:
    """Request a file."""
    turn.files = turn.files._replace(number=number, since=turn.now, fetching=identity)
    turn.do(FetchFile(number, identity, source))


def load(turn: Turn, identity: Identity) -> bool:
    """Rename and reload; False: it has failed, and is not tried again yet."""
    trouble = turn.files.trouble
    if trouble is not None and trouble.identity == identity and turn.now < trouble.until:
        turn.wake_at(trouble.until)
        return False
    number = turn.number()
    turn.files = turn.files._replace(number=number, since=turn.now, loading=identity)
    turn.do(LoadFile(number, identity))
    return True


def catch_up(turn: Turn) -> None:
    """A stale node fetches the current file and loads it.

    A number not below the majority's is only an alarm: somebody must look first (adoption.py).
    """
    own, target = turn.files.settings.identity, turn.current
    if target is None or target == own:
        over(turn, Alarm.MINORITY)
        if turn.files.conflict is None:
            over(turn, Alarm.CONFLICT)
        return
    if target.version <= own.version:
        # Ordinary for a moment while a change is being loaded, by the holder and its members.
        if turn.business.change is None and not any(news.proposal for news in turn.heard.values()):
            alarm(turn, Alarm.CONFLICT if target.version == own.version else Alarm.MINORITY, str(own))
        return
    if turn.files.fetched == target:
        load(turn, target)
        return
    source = next((node for node, news in turn.heard.items() if news.identity == target), None)
    if source is not None:
        fetch(turn, turn.number(), target, source)


def fetched(turn: Turn, number: int, identity: Identity) -> None:
    """It is here."""
    if number == turn.files.number:
        turn.files = turn.files._replace(number=0, fetching=None, fetched=identity)


def staged(turn: Turn, number: int, what: Staged) -> None:
    """It is on disk, with its ballot; the next heartbeat acknowledges it."""
    if number == turn.files.number:
        turn.files = turn.files._replace(number=0, staging=None, staged=what)
        log(turn, Event.STAGED, what)


def failed(turn: Turn, number: int) -> None:
    """Try again in a while, if it is still wanted by then; to load, later and later."""
    files = turn.files
    if number != files.number:
        return
    if files.loading is not None:
        turn.files = files._replace(trouble=worse(files.trouble, files.loading, turn.now))
    else:
        turn.files = files._replace(retry_at=turn.now + RETRY_US)
    turn.files = turn.files._replace(number=0, fetching=None, staging=None, loading=None)


def worse(trouble: Trouble | None, identity: Identity, now: int) -> Trouble:
    """One more attempt to load that file has failed."""
    wait_us = RETRY_US
    if trouble is not None and trouble.identity == identity:
        wait_us = min(2 * trouble.wait_us, MOST_RETRY_US)
    return Trouble(identity, wait_us, now + wait_us)
