"""The last files: kept whole, found again, twenty of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.history import KEPT, History, HistoryError
from coroctl.daemon.identities import identity_of
from coroctl.errors import ConfigError
from tests.conf.samples import GOOD, changed

if TYPE_CHECKING:
    from pathlib import Path


def version(number: int) -> bytes:
    return changed("config_version: 7", f"config_version: {number}")


def test_files_come_back_with_identity_and_actor(tmp_path: Path) -> None:
    history = History(tmp_path / "conf")
    history.keep(GOOD, "anna")
    history.keep(version(8), "node 7 itself")
    first, second = history.entries()
    assert (first.number, first.actor, first.identity) == (1, "anna", identity_of(GOOD))
    assert (second.number, second.actor, second.identity.version) == (2, "node 7 itself", 8)
    assert first.time <= second.time
    assert history.read(1) == GOOD
    assert history.find(identity_of(version(8))) == version(8)


def test_the_newest_is_not_kept_twice_but_an_older_one_that_came_back_is(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep(GOOD, "a")
    assert history.keep(GOOD, "b") is None
    history.keep(version(8), "c")
    history.keep(GOOD, "d")
    assert [one.actor for one in history.entries()] == ["a", "c", "d"]


def test_twenty_are_kept(tmp_path: Path) -> None:
    history = History(tmp_path)
    for number in range(1, KEPT + 6):
        history.keep(version(number), "x")
    assert [one.identity.version for one in history.entries()] == list(range(6, KEPT + 6))
    assert len(list(tmp_path.iterdir())) == 2 * KEPT


def test_files_are_for_root_alone(tmp_path: Path) -> None:
    History(tmp_path / "conf").keep(GOOD, "x")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "conf").iterdir()} == {0o600}
    assert (tmp_path / "conf").stat().st_mode & 0o777 == 0o700


def test_no_history_yet(tmp_path: Path) -> None:
    history = History(tmp_path / "conf")
    assert history.entries() == ()
    assert history.find(identity_of(GOOD)) is None
    with pytest.raises(HistoryError, match="no file 3"):
        history.read(3)


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep(GOOD, "x")
    (tmp_path / "1.conf").write_bytes(version(8))
    with pytest.raises(HistoryError, match="damaged"):
        history.read(1)
    assert history.find(identity_of(GOOD)) is None
    (tmp_path / "1.conf").unlink()
    with pytest.raises(HistoryError, match="there is no such file"):
        history.read(1)


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"null", b'{"time": "x"}', b"\xff\xfe", b'{"time": 1}'])
def test_a_damaged_description_hides_only_its_own_file(tmp_path: Path, junk: bytes) -> None:
    history = History(tmp_path)
    for number in (7, 8, 9):
        history.keep(version(number), "x")
    (tmp_path / "2.json").write_bytes(junk)
    assert [one.identity.version for one in history.entries()] == [7, 9]
    entry = history.keep(version(10), "x")
    assert entry is not None
    assert entry.number == 4


def test_what_corosync_could_not_parse_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        History(tmp_path).keep(b"totem {\n", "x")
    assert list(tmp_path.iterdir()) == []
