"""Every case of the bad-input list gets a clear message with line and reason, soon, and nothing unprintable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from coroctl.conf.files import SIZE_MAX
from coroctl.conf.lint import FINDINGS_MAX, Severity, lint
from tests.conf.cases import CASES, HERE, Case
from tests.conf.junk import JUNK, Junk
from tests.conf.samples import GOOD, PACEMAKER, PROXMOX

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "corosync.conf"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: Case, record_property: Callable[[str, object], None]) -> None:
    findings = lint(case.data, FILE, case.facts)
    found = [finding for finding in findings if finding.code == case.code and finding.line == case.line]
    assert found, [str(finding) for finding in findings]
    matching = [finding for finding in found if case.text in f"{finding.message} ({finding.hint})"]
    assert matching, [str(finding) for finding in found]
    assert matching[0].severity.value == case.severity
    assert str(matching[0]).isprintable()
    record_property("bad input", f"{case.name:<36} {matching[0]}")


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_fault_makes_few_findings(case: Case) -> None:
    assert len(lint(case.data, FILE, case.facts)) <= 6


@pytest.mark.parametrize("data", [GOOD, PROXMOX], ids=["ours", "proxmox"])
def test_good_file_is_quiet(data: bytes) -> None:
    assert lint(data) == ()


def test_good_file_is_quiet_on_its_own_node() -> None:
    assert lint(GOOD, FILE, HERE) == ()


def test_pacemaker_file_has_no_errors() -> None:
    findings = lint(PACEMAKER)
    assert [finding.code for finding in findings] == ["unknown-key"]
    assert findings[0].severity is Severity.WARNING


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: junk.name)
def test_the_largest_file_of_junk_is_judged_within_a_second(junk: Junk) -> None:
    data = junk.data()
    assert SIZE_MAX * 0.98 < len(data) <= SIZE_MAX
    start = time.process_time()
    findings = lint(data, FILE, HERE)
    assert time.process_time() - start < 3  # less than 1 on an idle machine
    assert 0 < len(findings) <= FINDINGS_MAX
    assert max(len(str(finding)) for finding in findings) < 1000


def test_a_key_given_many_times_makes_a_short_message() -> None:
    messages = {finding.code: finding.message for finding in lint(b"system {\n" + b"sched_rr: no\n" * 31 + b"}\n")}
    lines = ", ".join(map(str, range(3, 23)))
    assert messages["key-twice"] == f"key 'sched_rr' is given again in line {lines} and 10 more; the last wins"
