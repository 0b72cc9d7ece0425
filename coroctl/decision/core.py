"""step(state, input) -> (state, actions): the whole core, and nothing else to call but `boot`.

Pure: no clock, no I/O, no randomness, no log of its own. Time and random numbers come in with each input; what is to
be done goes out as data, in the order that actions.py explains; what became of it comes back as an input.
A step takes the event in, judges this node, acts by its office, follows the configuration, stores, and speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never

from coroctl.decision import (
    adoption,
    changes,
    disk,
    eligible,
    files,
    lease,
    peers,
    promotion,
    requests,
    roles,
    speech,
    steps,
    voter,
)
from coroctl.decision.actions import Action, Alarm, Wake
from coroctl.decision.events import (
    AddressGone,
    Answered,
    Asked,
    ConfigurationLoaded,
    CorosyncGone,
    DeadManCommitted,
    DeadManRefused,
    Done,
    Failed,
    FileEdited,
    FileFailed,
    FileFetched,
    FileStaged,
    GateGone,
    Heard,
    Input,
    Judged,
    Membership,
    Relayed,
    Stocked,
    Stop,
    Stored,
    StoreFailed,
    Tick,
    Uplink,
)
from coroctl.decision.log import alarm
from coroctl.decision.messages import Verb
from coroctl.decision.quiet import quiet
from coroctl.decision.rules import RULES, Rules
from coroctl.decision.settings import Settings, Voters
from coroctl.decision.state import Ballots, Claim, Disk, Duty, Files, Life, State, Turn, World
from coroctl.decision.values import Office, Record, Run, Staged

if TYPE_CHECKING:
    from coroctl.decision import events
    from coroctl.model import NodeId


def step(state: State, given: Input) -> tuple[State, list[Action]]:
    """One event: the state after it, and what to do, in order."""
    turn = Turn(state, given.now, given.draw)
    lease.check_clock(turn)
    absorb(turn, given.event)
    if quiet(turn, state, given.event):
        turn.wake = state.wake
        return turn.close(), []
    return conclude(turn)


def conclude(turn: Turn) -> tuple[State, list[Action]]:
    """What follows from what is known now."""
    peers.survey(turn)
    voter.regain_trust(turn)
    files.settle_lists(turn)
    eligible.judge(turn)
    roles.act(turn)
    eligible.tell_role(turn)
    adoption.follow(turn)
    files.follow(turn)
    steps.retry_clean(turn)
    disk.flush(turn)
    speech.speak(turn)
    turn.do(Wake(turn.wake))
    return turn.close(), turn.actions


def absorb(turn: Turn, event: events.Event) -> None:  # noqa: C901  (one line an event: a table in the form of a match)
    """Take the event in."""
    match event:
        case Heard(heartbeat):
            if peers.heard(turn, heartbeat):
                voter.renew(turn, heartbeat.news)
        case Tick():
            pass
        case Membership(members, quorate):
            turn.world = turn.world._replace(members=members, quorate=quorate, gone_at=0)
        case CorosyncGone():
            turn.world = turn.world._replace(gone_at=turn.world.gone_at or turn.now)
        case Uplink(carrier, ping):
            turn.world = turn.world._replace(carrier=carrier, ping=ping)
        case Stored(number):
            disk.stored(turn, number)
        case StoreFailed(number, why):
            disk.failed(turn, number, why)
        case DeadManCommitted(ticket):
            lease.committed(turn, ticket)
        case DeadManRefused(ticket):
            lease.refused(turn, ticket)
        case Done(number, what):
            promotion.done(turn, number, what)
        case Failed(number, what, why):
            promotion.failed(turn, number, what, why)
        case AddressGone():
            promotion.address_gone(turn)
        case GateGone():
            promotion.gate_gone(turn)
        case ConfigurationLoaded(settings):
            files.loaded(turn, settings)
            adoption.loaded(turn)
        case FileEdited(number, identity, settings):
            changes.edited(turn, number, identity, settings)
        case FileFetched(number, identity):
            files.fetched(turn, number, identity)
        case FileStaged(number, staged):
            files.staged(turn, number, staged)
        case FileFailed(number, why):
            adoption.failed(turn, number, why)
            files.failed(turn, number)
            changes.edit_failed(turn, number, why)
        case Asked(request):
            peers.survey(turn)
            ask = adoption.asked if request.edit.verb is Verb.ADOPT else requests.asked
            ask(turn, request)
        case Relayed(_, request):
            peers.survey(turn)
            requests.relayed(turn, request)
        case Answered(answer):
            requests.settle(turn, answer)
        case Judged(origin, answer):
            requests.answer(turn, origin, answer)
        case Stocked(stock):
            turn.stock = stock
        case Stop():
            turn.life = turn.life._replace(stopping=True)
        case _:
            assert_never(event)


class Start(NamedTuple):
    """What the daemon finds when it starts."""

    node: NodeId
    boot: int
    settings: Settings
    now: int
    draw: int
    record: Record | None
    """None: lost or damaged. A node that never was has Record()."""
    run: Run | None
    members: frozenset[NodeId] = frozenset()
    quorate: bool = False
    serving: bool = False
    """Address, lock file and manager are in place."""
    staged: Staged | None = None
    rules: Rules = RULES


def boot(start: Start) -> tuple[State, list[Action]]:
    """The first step of a life (L9, L15): renew the own tenure if every condition holds, else clean up and wait."""
    record, settings = start.record or Record(), start.settings
    agreed = start.record is not None and agrees(start.run, record, start.boot)
    renews = agreed and renewable(start, record)
    grants_from = start.now + max(settings.promise_us, record.promise_us)
    counter = record.counter + 1
    random_bits = start.draw & ((1 << peers.COUNTER_SHIFT) - 1)
    turn = Turn(
        State(
            Life(
                start.node,
                start.boot,
                (counter << peers.COUNTER_SHIFT) + random_bits,
                start.rules,
                grants_from=grants_from,
                holdoff_until=start.now + settings.holdoff_us,
                trusted=start.record is not None and not older(start.run, record, start.boot),
            ),
            starting_files(start, record),
            Disk(starting_record(record, counter, keep_vote=agreed), record),
            World(start.members, start.quorate, majority_at=start.now),
            ballots=starting_ballots(start, record, agreed=agreed),
        ),
        start.now,
        start.draw,
    )
    files.keep_lists(turn)
    if not turn.life.trusted:
        alarm(turn, Alarm.STATE_LOST if start.record is None else Alarm.OLDER_STATE)
    if renews:
        resume(turn, start, record)
    else:
        turn.duty = turn.duty._replace(guard_until=start.run.guard_until if start.run is not None else 0)
        steps.clean(turn, steps.CLEAN_UP)
    return conclude(turn)


def older(run: Run | None, record: Record, boot_id: int) -> bool:
    """Whether /run of this boot knows a later life or a later vote than the disk: an old copy was restored."""
    if run is None or run.boot != boot_id:
        return False
    voted = record.vote.term if record.vote else record.floor
    return run.counter > record.counter or (run.vote is not None and run.vote.term > voted)


def agrees(run: Run | None, record: Record, boot_id: int) -> bool:
    """Whether /run is of this boot and says the same as the disk: then the vote is surely the last one given."""
    return run is not None and run.boot == boot_id and run.counter == record.counter and run.vote == record.vote


def renewable(start: Start, record: Record) -> bool:
    """L15: the recorded tenure is this node's own, not given up, and its lease ended less than slack ago."""
    run, vote = start.run, record.vote
    if run is None or vote is None or vote.node != start.node or vote == record.given_up or not run.lease_until:
        return False
    return start.now < run.lease_until + record.promise_us - run.lease_us


def resume(turn: Turn, start: Start, record: Record) -> None:
    """The same tenure, address and manager untouched; it counts again with the first echoes of this life."""
    run = start.run
    assert run is not None
    turn.claim = Claim(
        Office.HOLDING,
        record.vote,
        since=turn.now,
        until=run.lease_until + record.promise_us - run.lease_us,
        lease_us=run.lease_us,
        promise_us=record.promise_us,
        manager_from=turn.now + start.settings.service_kill_us,
        renewed=True,
    )
    # The guard stays armed for the former life until echoes of this one prolong the lease.
    turn.duty = Duty(serving=start.serving, touched=start.serving, started=turn.now, guard_until=run.guard_until)
    if not start.serving:
        steps.clean(turn, steps.CLEAN_UP)


def starting_record(record: Record, counter: int, *, keep_vote: bool) -> Record:
    """A vote that /run does not confirm is only a floor for terms (L9)."""
    if keep_vote or record.vote is None:
        return record._replace(counter=counter)
    own_floor = max(record.floor, record.vote.term)
    return record._replace(counter=counter, vote=None, floor=own_floor)


def starting_files(start: Start, record: Record) -> Files:
    """The loaded list, and beside it the stored ones if the file was changed meanwhile (L16)."""
    majority = start.rules.majority
    pairs = start.settings.voters()
    former = tuple(one for one in record.lists if one != pairs)
    lists = tuple(Voters.of(one, majority=majority) for one in (pairs, *former))
    return Files(start.settings, lists, start.staged)


def starting_ballots(start: Start, record: Record, *, agreed: bool) -> Ballots:
    """The promise may have been given in the last moment of the former life: it is kept for a whole P from now."""
    term = max(record.floor, record.vote.term if record.vote else 0)
    until = start.now + record.promise_us if agreed and record.vote else 0
    return Ballots(until, record.promise_us, given_up=record.given_up, term=term)
