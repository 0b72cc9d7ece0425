"""Reusable Textual widgets: plain values in, messages out. They know nothing of corosync or coroctl."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coroctl_widgets.choice import Choice
    from coroctl_widgets.event_list import Event, EventList, Level
    from coroctl_widgets.lines import Tone
    from coroctl_widgets.link_matrix import LinkMatrix, Matrix, Spot
    from coroctl_widgets.listing import Listing, Numbered, Span
    from coroctl_widgets.live_table import LiveTable
    from coroctl_widgets.log_tail import LogTail
    from coroctl_widgets.log_view import LogView
    from coroctl_widgets.notes import Note, Notes
    from coroctl_widgets.paper import Paper, Remark
    from coroctl_widgets.quorum_gauge import Gauge, QuorumGauge
    from coroctl_widgets.sheet_dialog import Entry, Sheet, SheetDialog
    from coroctl_widgets.sparkline import Course, Sparkline, spark
    from coroctl_widgets.table_columns import Cell, Column, Row
    from coroctl_widgets.text import Align, crop, fit, neutral
    from coroctl_widgets.title_bar import Badge, Title, TitleBar

__all__ = [
    "Align",
    "Badge",
    "Cell",
    "Choice",
    "Column",
    "Course",
    "Entry",
    "Event",
    "EventList",
    "Gauge",
    "Level",
    "LinkMatrix",
    "Listing",
    "LiveTable",
    "LogTail",
    "LogView",
    "Matrix",
    "Note",
    "Notes",
    "Numbered",
    "Paper",
    "QuorumGauge",
    "Remark",
    "Row",
    "Sheet",
    "SheetDialog",
    "Span",
    "Sparkline",
    "Spot",
    "Title",
    "TitleBar",
    "Tone",
    "crop",
    "fit",
    "neutral",
    "spark",
]

_MODULES = {
    "choice": ("Choice",),
    "event_list": ("Event", "EventList", "Level"),
    "lines": ("Tone",),
    "link_matrix": ("LinkMatrix", "Matrix", "Spot"),
    "listing": ("Listing", "Numbered", "Span"),
    "live_table": ("LiveTable",),
    "log_tail": ("LogTail",),
    "log_view": ("LogView",),
    "notes": ("Note", "Notes"),
    "paper": ("Paper", "Remark"),
    "quorum_gauge": ("Gauge", "QuorumGauge"),
    "sheet_dialog": ("Entry", "Sheet", "SheetDialog"),
    "sparkline": ("Course", "Sparkline", "spark"),
    "table_columns": ("Cell", "Column", "Row"),
    "text": ("Align", "crop", "fit", "neutral"),
    "title_bar": ("Badge", "Title", "TitleBar"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a name's module when it is first used, so that each module can be run alone."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
