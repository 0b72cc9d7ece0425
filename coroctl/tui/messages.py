"""What the console's threads tell its screens. A newer update replaces one that was not looked at yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from coroctl.sources.feed import Update
    from coroctl.sources.logs import News


class Updated(Message):
    """The feed has something new."""

    def __init__(self, update: Update) -> None:
        super().__init__()
        self.update = update


class Logged(Message):
    """The log has something new, or a reason why it has not."""

    def __init__(self, news: News) -> None:
        super().__init__()
        self.news = news
