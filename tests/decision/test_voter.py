"""L1, L7 to L9 by hand: what is granted, what is not, and what is told when."""

from __future__ import annotations

from coroctl.decision.actions import Alarm, FetchFile, Send, StageFile, Store, Warn
from coroctl.decision.events import FileFetched, FileStaged, Heard, Stored, StoreFailed, Tick
from coroctl.decision.settings import Member
from coroctl.decision.values import Ballot, Heartbeat, Identity, Mark, Office, Reason, Record, Run, Staged, Tenure
from tests.decision.build import INCARNATION, ME, SETTINGS, T0, THREE, TWO, Node, claim, news, voted

P = 2_200_000
FIRST, SECOND = Tenure(1, TWO, 9, 77), Tenure(2, THREE, 9, 78)
WEAK = {"reason": Reason.HOLDOFF}


def ready(**options: object) -> Node:
    """Past the start of voting, itself in back-off no longer, hearing both peers."""
    node = Node(**options)  # type: ignore[arg-type]
    node.now += P + 1
    node.feed(Tick())
    node.hear(THREE, news(prio=10))
    return node


def test_grants_a_claim_and_tells_it_only_when_it_is_stored() -> None:
    node = ready(storing=True)
    node.storing = False
    actions = node.hear(TWO, claim(FIRST))
    store = next(action for action in actions if isinstance(action, Store))
    assert store.record.vote == FIRST
    assert all(action.heartbeat.news.vote is None for action in actions if isinstance(action, Send))
    node.feed(Stored(store.number))
    assert node.last_sent().news.vote == FIRST
    assert node.state.ballots.promise_until == node.now + P


def test_a_failed_fsync_is_no_grant() -> None:
    node = ready()
    node.storing = False
    actions = node.hear(TWO, claim(FIRST))
    store = next(action for action in actions if isinstance(action, Store))
    actions = node.feed(StoreFailed(store.number, "EIO"))
    assert voted(node.state) is None
    assert node.last_sent().news.vote is None
    assert any(isinstance(action, Warn) and action.alarm is Alarm.STORE for action in actions)


def test_grants_nothing_for_p_after_its_start() -> None:
    node = Node()
    node.hear(THREE, news(prio=10))
    node.hear(TWO, claim(FIRST))
    assert voted(node.state) is None
    node.now = T0 + P
    node.feed(Tick())
    node.hear(TWO, claim(FIRST))
    assert voted(node.state) == FIRST


def test_keeps_its_promise_and_every_heartbeat_prolongs_it() -> None:
    node = ready()
    node.hear(TWO, claim(FIRST))
    node.hear(TWO, claim(FIRST))
    until = node.state.ballots.promise_until
    assert until == node.now + P
    node.now = until - 10_000
    node.hear(TWO, news(reason=Reason.BACKOFF))
    node.hear(THREE, claim(SECOND, prio=40))
    assert voted(node.state) == FIRST
    node.now = until
    node.hear(THREE, claim(SECOND, prio=40))
    assert voted(node.state) == SECOND


def test_a_release_of_another_tenure_of_the_same_node_frees_nothing() -> None:
    node = ready()
    node.hear(TWO, claim(FIRST))
    for other in (FIRST._replace(nonce=1), FIRST._replace(boot=1), FIRST._replace(term=0)):
        node.hear(TWO, news(given_up=other, reason=Reason.BACKOFF))
        node.hear(THREE, claim(SECOND, prio=40))
        assert voted(node.state) == FIRST
    node.hear(TWO, news(given_up=FIRST, reason=Reason.BACKOFF))
    node.hear(THREE, claim(SECOND, prio=40))
    assert voted(node.state) == SECOND


def test_a_release_that_comes_while_the_vote_is_being_stored_counts() -> None:
    node = ready()
    node.storing = False
    actions = node.hear(TWO, claim(FIRST))
    store = next(action for action in actions if isinstance(action, Store))
    node.hear(TWO, news(given_up=FIRST, reason=Reason.BACKOFF))
    node.feed(Stored(store.number))
    assert node.state.ballots.freed


def test_does_not_grant_a_term_that_is_not_above_its_vote() -> None:
    node = ready()
    node.hear(TWO, claim(FIRST._replace(term=5)))
    node.now += P + 1
    node.hear(TWO, news(reason=Reason.BACKOFF))
    node.hear(THREE, claim(SECOND._replace(term=5), prio=40))
    assert voted(node.state) == FIRST._replace(term=5)


def test_waits_for_the_better_one_that_it_hears() -> None:
    node = ready()
    node.hear(TWO, news(prio=50))
    node.hear(THREE, claim(SECOND, prio=40))
    assert voted(node.state) is None


def test_does_not_grant_to_who_does_not_hear_it() -> None:
    node = ready()
    node.feed(Heard(Heartbeat(TWO, INCARNATION, node.now, {}, {}, claim(FIRST))))
    assert voted(node.state) is None


def test_does_not_grant_under_another_configuration() -> None:
    node = ready()
    other = node.state.files.settings.identity._replace(version=2)
    node.hear(TWO, claim(FIRST, identity=other))
    assert voted(node.state) is None


def test_a_vote_that_run_does_not_confirm_is_only_a_floor() -> None:
    record = Record(3, FIRST, P)
    node = Node(record)
    assert node.last_sent().news.vote is None
    assert node.state.disk.durable.floor == 1
    node.now += P + 1
    node.hear(THREE, news(prio=10))
    node.hear(TWO, claim(FIRST._replace(nonce=5)))
    assert voted(node.state) is None


def test_a_vote_that_run_confirms_is_renewed_at_once() -> None:
    record = Record(3, FIRST, P)
    node = Node(record, Run(5, 3, FIRST, 0, 0, 0))
    assert node.last_sent().news.vote == FIRST
    node = Node(record, Run(4, 3, FIRST, 0, 0, 0))
    assert node.last_sent().news.vote is None, "another boot"


def test_lost_state_waits_for_terms_of_the_others() -> None:
    node = Node(lost=True)
    assert not node.state.life.trusted
    node.hear(TWO, news(term=8, vote=SECOND, vote_promise_us=9_000_000))
    early = node.state.life.trusted
    node.hear(THREE, news(term=6))
    assert (early, node.state.life.trusted) == (False, True), "one of three may not know the latest vote"
    assert node.state.disk.durable.floor == 8
    assert node.state.life.grants_from >= node.now + 9_000_000 - 5000, "the longest promise, not one's own"


def test_a_node_that_is_a_majority_by_itself_asks_whoever_else_there_is() -> None:
    """A cluster of one, or of unequal votes: more than all the others cannot be heard."""
    alone = Node(lost=True, settings=SETTINGS._replace(members=(Member(ME),)))
    assert alone.state.life.trusted
    heavy = Node(lost=True, settings=SETTINGS._replace(members=(Member(ME, votes=3), Member(TWO), Member(THREE))))
    trusted = []
    for peer, term in ((TWO, 6), (THREE, 4)):
        heavy.hear(peer, news(prio=10, term=term))
        trusted.append(heavy.state.life.trusted)
    assert trusted == [False, True]
    assert heavy.state.disk.wanted.floor == 6


def test_lost_state_may_have_lost_a_staged_file_too() -> None:
    node = Node(lost=True)
    staged = Staged(Ballot(4, 1, 1), Identity(2, "x"))
    node.hear(TWO, news(term=8, staged=staged))
    actions = node.hear(THREE, news(term=6))
    early = node.state.life.trusted
    fetch = next(action for action in [*node.actions, *actions] if isinstance(action, FetchFile))
    actions = node.feed(FileFetched(fetch.number, fetch.identity))
    stage = next(action for action in actions if isinstance(action, StageFile))
    node.feed(FileStaged(stage.number, stage.staged))
    node.hear(TWO, news(term=8, staged=staged))
    assert (stage.staged, early, node.state.life.trusted) == (staged, False, True)


def test_peers_that_remember_a_later_life_make_it_doubt_its_state() -> None:
    node = Node(Record(3))
    older = {ME: Mark(9 << 20, 1)}
    node.feed(Heard(Heartbeat(TWO, INCARNATION, node.now, older, {}, news())))
    assert not node.state.life.trusted
    warned = [action.alarm for action in node.actions if isinstance(action, Warn)]
    assert warned == [Alarm.OLDER_STATE]


def test_a_clone_makes_the_established_node_doubt_nothing() -> None:
    node = ready()
    clone = {ME: Mark(9 << 20, 1)}
    node.feed(Heard(Heartbeat(TWO, INCARNATION, node.now, clone, {}, news())))
    assert node.state.life.trusted


def test_a_claimant_grants_nobody_else() -> None:
    node = ready()
    node.hear(TWO, news(would=ME))
    node.now += 1_100_000
    node.feed(Tick())
    node.hear(THREE, news(would=ME, prio=10))
    node.now += 300_000
    node.feed(Tick())
    node.hear(TWO, news(would=ME))
    assert node.state.claim.office is Office.CLAIMING
    node.hear(TWO, claim(Tenure(9, TWO, 1, 1), prio=99))
    assert voted(node.state) == node.state.claim.tenure
