"""The linter: runs the rules over a file and says what is wrong, where, and what to do.

Never raises on content, whatever the bytes are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.conf.finding import Finding, LocalAddress, LocalFacts, Severity
from coroctl.conf.plain import plain
from coroctl.conf.rules import RULES, TEXT_RULES
from coroctl.conf.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coroctl.conf.finding import Rule
    from coroctl.conf.scan import Problem

__all__ = ["FINDINGS_MAX", "Finding", "LocalAddress", "LocalFacts", "Severity", "lint"]

FINDINGS_MAX = 200
"""More help nobody, and a megabyte of junk must not make a million of them."""


def lint(data: bytes, file: str = "corosync.conf", facts: LocalFacts | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with a file, in the order of its lines.

    Of a file that corosync cannot parse only the text is judged: what its values mean is not known.
    """
    document, problems = Document.survey(data, file)
    cluster = read_cluster(Document.parse(b"") if problems else document)
    subject = Subject(data, document, cluster, facts)
    rules = TEXT_RULES if problems else (*TEXT_RULES, *RULES)
    findings = [*_syntax(file, problems), *_run(file, rules, subject)]
    findings.sort(key=lambda finding: finding.line)
    return tuple(findings[:FINDINGS_MAX])


def _syntax(file: str, problems: Iterable[Problem]) -> Iterator[Finding]:
    for number, problem in enumerate(problems):
        if number < FINDINGS_MAX:
            yield Finding(plain(file), problem.line, Severity.ERROR, "syntax", plain(problem.reason))


def _run(file: str, rules: Iterable[Rule], subject: Subject) -> Iterator[Finding]:
    for rule in rules:
        for number, remark in enumerate(rule.check(subject)):
            if number >= FINDINGS_MAX:
                break
            message, hint = plain(remark.message), plain(remark.hint)
            yield Finding(plain(file), remark.line, remark.severity, rule.code, message, hint)
