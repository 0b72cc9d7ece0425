"""Every case of the bad-input list gets a clear message with line and reason, soon, and nothing unprintable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from coroctl.conf.files import SIZE_MAX
from coroctl.conf.lint import FINDINGS_MAX, Severity, lint
from tests.conf.cases import CASES, HERE, Case
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


@pytest.mark.parametrize("junk", [b"\n", b"x\n", b"a {\n", b"}\n", b"kkk: \x1b\n", b"\0", b"a {\n}\n", b"abc: 1\n"])
def test_the_largest_file_of_junk_takes_seconds_at_most(junk: bytes) -> None:
    start = time.monotonic()
    findings = lint(junk * (SIZE_MAX // len(junk)))
    assert time.monotonic() - start < 8  # 2 at most on an idle machine
    assert len(findings) <= FINDINGS_MAX
