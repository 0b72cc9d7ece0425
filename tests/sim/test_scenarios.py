"""Every scenario's log is what was read and found right; and no scenario breaks a promise."""

from __future__ import annotations

import pytest

from coroctl.errors import ConfigError
from coroctl.sim.scenario import parse
from tests.sim.scenarios import FOLDER, names, played


@pytest.mark.parametrize("name", names())
def test_log_is_as_expected(name: str) -> None:
    good, log = played(name)
    assert good
    assert log == (FOLDER / name / "expected").read_text()


def test_every_scenario_tells_a_story() -> None:
    assert len(names()) >= 60
    for name in names():
        story = (FOLDER / name / "story").read_text()
        assert story.endswith((".\n", ".\n")), name
        assert story.count("\n") == 1, name


@pytest.mark.parametrize("line", ["8.0 explode 1", "eight off 1", "8.0 off 1 for=long", "8.0"])
def test_a_bad_command_names_its_line(line: str) -> None:
    with pytest.raises(ConfigError, match=r"^commands:2: not a command"):
        parse(f"cluster nodes=3\n{line}\n")
