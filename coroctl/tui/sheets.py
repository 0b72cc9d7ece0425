"""From a preflight, its course and its end to what the dialog shows: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.actions import Verdict, command_line, must_type, to_type, what_to_type
from coroctl_widgets import Entry, Remark, Sheet, Tone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl.actions import Action, Ask, Check, Outlook
    from coroctl.conduct import Report, Step
    from coroctl.model import NodeId

_MARKS = {Verdict.PASS: ("ok", Tone.NORMAL), Verdict.WARN: ("WARN", Tone.WARN), Verdict.FAIL: ("FAIL", Tone.BAD)}
HOPELESS = "It cannot be done now: a check of safety fails. Nobody can override it."
_ENDS = {"ok": Tone.GOOD, "refused": Tone.BAD}


def value_sheet(action: Action, name: str, prio: int | None, wrong: str = "") -> Sheet:
    """Asks for the number that an action needs."""
    remarks = [Remark(f"{action.help[0].upper()}{action.help[1:]}. A node with priority 0 is never master.")]
    if prio is not None:
        remarks.append(Remark(f"{name} has {prio} now."))
    if wrong:
        remarks.append(Remark(wrong, tone=Tone.BAD))
    return Sheet(_title(action, name), tuple(remarks), "", Entry("New priority:"), "Look")


def place_sheet(action: Action, name: str, places: Iterable[tuple[NodeId, str]], wrong: str = "") -> Sheet:
    """Asks for the node that a machine is to go to."""
    remarks = [
        Remark(f"{action.help[0].upper()}{action.help[1:]}."),
        Remark(", ".join(called for _, called in places), "nodes"),
    ]
    if wrong:
        remarks.append(Remark(wrong, tone=Tone.BAD))
    return Sheet(_title(action, name), tuple(remarks), "", Entry("To which node:"), "Look")


def waiting_sheet(action: Action, name: str) -> Sheet:
    """While the daemon looks."""
    return Sheet(_title(action, name), (Remark("corolistener is looking ..."),))


def outlook_sheet(ask: Ask, outlook: Outlook) -> Sheet:
    """What is wrong first, then what will happen, then what is well."""
    failing = outlook.failing(ask.force)
    title = _title_of(ask, outlook.name)
    foot = f"The same: {command_line(ask, outlook.name)} --yes"
    hopeless = any(one.safety for one in failing)
    remarks = (
        *([Remark(HOPELESS, tone=Tone.BAD, strong=True)] if hopeless else []),
        *(_check(one, ask.force) for one in outlook.checks if one.verdict is Verdict.FAIL),
        *(_check(one, ask.force) for one in outlook.checks if one.verdict is Verdict.WARN),
        *_effects(outlook, would="would" if failing else "will"),
        Remark("What is well", strong=True),
        *(_check(one, ask.force) for one in outlook.checks if one.verdict is Verdict.PASS),
    )
    if outlook.nothing or hopeless:
        return Sheet(title, remarks, foot, dismiss="Close")
    if failing:
        entry = Entry(f"To go on all the same, type the check's name, {failing[0].name}:", failing[0].name)
        return Sheet(title, remarks, foot, entry, "Override")
    typed = to_type(ask, outlook)
    text = f"Type the {what_to_type(ask)}, {typed}, to go on:"
    typing = Entry(text, typed) if must_type(ask.action, outlook) else None
    return Sheet(title, remarks, foot, typing, "Set" if ask.action.takes_value else ask.action.label)


def _effects(outlook: Outlook, would: str) -> tuple[Remark, ...]:
    """Of what there is nothing to do for, none are told: they would not happen."""
    if outlook.nothing:
        return (Remark(f"Nothing to do: {outlook.nothing}", strong=True),)
    heading = Remark(f"What {would} happen", strong=True)
    return (heading, *(Remark(one.text, one.what) for one in outlook.effects))


def running_sheet(ask: Ask, name: str, steps: Iterable[Step]) -> Sheet:
    """While it is carried out; the dialog may be closed."""
    remarks = (Remark("Under way. Closing this does not stop it."), *(_step(one) for one in steps))
    return Sheet(_title_of(ask, name), remarks, dismiss="Close", at_end=True)


def report_sheet(ask: Ask, outlook: Outlook, steps: Iterable[Step], report: Report) -> Sheet:
    """How it ended, and what each node has."""
    text = f"{report.verdict}, after {report.took_s:.2f} s"
    if report.missing:
        text = f"in force, but after {report.took_s:.0f} s this has not happened yet: {report.missing}"
    elif report.why:
        text = f"{text}: {report.why}"
    tone = Tone.WARN if report.missing else _ENDS.get(report.verdict, Tone.WARN)
    rows = (
        Remark(f"{one.loaded or 'not heard'}{'' if one.current or not one.loaded else ' (old)'}  {one.role}", one.name)
        for one in report.nodes
    )
    # A change of machines touches no file.
    heading = [Remark("What each node has now", strong=True)] if report.nodes else []
    remarks = (*(_step(one) for one in steps), Remark(text, tone=tone, strong=True), *heading, *rows)
    foot = f"The same: {command_line(ask, outlook.name)} --yes"
    return Sheet(_title_of(ask, outlook.name), remarks, foot, dismiss="Close", at_end=True)


def error_sheet(action: Action, name: str, steps: Iterable[Step], why: str) -> Sheet:
    """It could not be asked, or was refused."""
    remarks = (*(_step(one) for one in steps), Remark(why, tone=Tone.BAD))
    return Sheet(_title(action, name), remarks, dismiss="Close")


def _step(step: Step) -> Remark:
    return Remark(step.text, f"{step.at_s:.2f} s")


def _check(check: Check, force: frozenset[str]) -> Remark:
    mark, tone = _MARKS[check.verdict]
    if check.verdict is Verdict.FAIL and check.name in force:
        mark, tone = "forced", Tone.WARN
    return Remark(check.reason, f"{mark} {check.name}", tone)


def _title_of(ask: Ask, name: str) -> str:
    """Once it is known what exactly is wanted."""
    to = f" to {ask.words[-1]}" if ask.action.takes_node and ask.words else ""
    return f"{_title(ask.action, name, ask.value)}{to}"


def _title(action: Action, name: str, value: int | None = None) -> str:
    return f"{action.label} {name}{'' if value is None else f' {value}'}"
