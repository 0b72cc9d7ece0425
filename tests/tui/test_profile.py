"""What a user's file makes of the console: its name, its colour, its keys, its bell, its theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Label

from coroctl.alarms import Alarm, Kind, Severity
from coroctl.model import NodeId, NodeStatus
from coroctl.sources.logs import LogFollower
from coroctl.tui import keys
from coroctl.tui.app import Console
from coroctl.tui.bell import REST_S, Bell
from coroctl.tui.profile import Profile, theme
from coroctl.tui.screens.links import Links
from coroctl_widgets import LiveTable, Notes
from tests.alarms.build import THREE, TWO, WELL, changed, link
from tests.tui.feeds import ByHand
from tests.tui.test_screens import Compare, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot


def staged(profile: Profile) -> Stage:
    feed = ByHand()
    return Stage(Console(feed, LogFollower("nowhere.log"), wall_clock=lambda: "03:12:44", profile=profile), feed)


def test_picture_of_production(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stage = staged(Profile("PRODUCTION", "red", problems=("config.toml:3: 'j' is down (overview)",)))

    async def play(pilot: Pilot[None]) -> None:
        await stage.show(pilot, WELL)

    assert snap_compare(stage.console, terminal_size=(80, 24), run_before=play)


async def test_a_key_may_be_another_one() -> None:
    stage = staged(Profile(keys={"links": "L", "filter": "f", "down": "ctrl+n"}))
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "ctrl+n", "l")
        table = pilot.app.screen.query_one(LiveTable)
        assert table.cursor_key == "2"
        await pilot.press("f", "n", "3", "enter")
        assert table.cursor_key == "3"
        await pilot.press("escape", "L")
        assert isinstance(pilot.app.screen, Links)


async def test_a_text_names_the_key_that_the_user_has_chosen() -> None:
    worse = WELL
    for node in THREE, TWO:
        down = tuple(link(number, node)._replace(connected=False) for number in (0, 1))
        worse = changed(node, worse, links=down)
    stage = staged(Profile(keys={"alarms": "A", "quit": "f10"}))
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, worse)
        assert "more: key A" in pilot.app.screen.query_one("#notes", Notes).value[-1].text
        await pilot.resize_terminal(40, 10)
        assert "leave it (f10)" in str(pilot.app.screen.query_one(Label).render())


def test_every_binding_can_be_changed_or_is_known_to_be_fixed() -> None:
    fixed = {key.keys for key in keys.catalogue() if not key.name}
    assert fixed == {("ctrl+c",)}


def test_no_two_bindings_of_one_place_have_one_name_and_two_meanings() -> None:
    for place, owners in keys.PLACES.items():
        for owner in owners:
            names = [key.name for key in keys.catalogue() if key.place == place and key.owner == owner.__name__]
            assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("wishes", "refused"),
    [
        ({"links": "L"}, {}),
        ({"links": "a", "alarms": "l"}, {}),
        ({"links": "?"}, {"links": "'?' is help (everywhere)"}),
        ({"quit": "n"}, {"quit": "'n' is nodes (overview)"}),
        ({"link": "x"}, {"link": "there is no key named 'link'; see the README's table"}),
        ({"links": "hyper+x"}, {"links": "'hyper+x' is no key"}),
        ({"links": ""}, {"links": "'' is no key"}),
        ({"links": "f5, ctrl+k"}, {}),
    ],
)
def test_what_can_be_wished(wishes: dict[str, str], refused: dict[str, str]) -> None:
    had, why = keys.granted(wishes)
    assert why == refused
    assert had.keys() == wishes.keys() - refused.keys()


def test_themes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLORFGBG", raising=False)
    assert theme(Profile()) == "ansi-dark"
    monkeypatch.setenv("COLORFGBG", "0;default;15")
    assert theme(Profile()) == "ansi-light"
    assert theme(Profile(theme="dark")) == "ansi-dark"


def critical(node: int) -> Alarm:
    return Alarm(Severity.CRITICAL, Kind.LEASE, "it burns", "put it out", NodeId(node))


def test_the_bell_rings_for_what_is_new_and_not_too_often() -> None:
    bell = Bell()
    assert not bell.due([critical(1)], 0)  # was there when it started
    assert not bell.due([critical(1)], 1)
    assert bell.due([critical(1), critical(2)], 2)
    assert not bell.due([critical(3)], 2 + REST_S / 2)
    assert not bell.due([critical(3), critical(3)._replace(severity=Severity.WARNING, node=NodeId(4))], 100)
    assert bell.due([critical(2), critical(3)], 101)


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_terminal_rings_only_if_asked_to(wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Console] = []
    monkeypatch.setattr(Console, "bell", lambda console: rung.append(console))
    stage = staged(Profile(bell=wanted))
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL)
        stage.feed.say(changed(THREE, status=NodeStatus.LEFT)._replace(quorate=False))
        await pilot.pause()
        assert len(rung) == wanted
