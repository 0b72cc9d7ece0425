"""The file as a change would leave it, for its preflight: what it says, what differs, and whether it would be refused.

Judges by lint alone; corosync approves of a file when it is made. Changes nothing. Blocks on a thread of its own, and
waits for other nodes where only they have the file.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.conf.diff import diff, in_lines
from coroctl.conf.document import Document
from coroctl.daemon.editing import edited, restored
from coroctl.daemon.identities import insist_sound
from coroctl.daemon.outlook_subject import Draft
from coroctl.decision.messages import Verb
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coroctl.decision.messages import Edit
    from coroctl.decision.settings import Settings
    from coroctl.decision.values import Identity

FORMER_S = 3.0
"""How long other nodes are waited for; who asks for a preflight waits little longer."""
LINES = 400
"""The most of a difference that is shown."""


class Drafting:
    """One node's. `loaded` is what corosync has; `in_place` what is on the disk; `find` may ask other nodes."""

    def __init__(
        self,
        loaded: Callable[[], bytes],
        in_place: Callable[[], Awaitable[bytes]],
        find: Callable[[Identity, float], Awaitable[bytes]],
        settings_of: Callable[[bytes], Settings],
    ) -> None:
        self._loaded = loaded
        self._in_place = in_place
        self._find = find
        self._settings_of = settings_of

    async def draft(self, edit: Edit, wanted: Identity) -> Draft:
        """`wanted`: the file that is to be adopted. Never raises for what a person did."""
        try:
            match edit.verb:
                case Verb.ADOPT:
                    before, after = await self._in_place(), await self._find(wanted, FORMER_S)
                case Verb.RESTORE:
                    before, former = self._loaded(), await self._find(edit.former, FORMER_S)
                    after = await asyncio.to_thread(restored, before, former)
                case _:
                    before = self._loaded()
                    after = await asyncio.to_thread(edited, before, edit)
        except (CoroctlError, OSError) as error:
            return Draft(str(error))
        return await asyncio.to_thread(self._judged, before, after)

    def _judged(self, before: bytes, after: bytes) -> Draft:
        try:
            found = diff(Document.parse(before, "now"), Document.parse(after, "then"))
            lines = in_lines(found)
            shown = lines if len(lines) <= LINES else [*lines[:LINES], f"and {len(lines) - LINES} more lines"]
            changes = tuple(str(one) for one in found.changes if one.key != "totem.config_version")
            draft = Draft("", self._settings_of(after), changes, tuple(shown))
        except CoroctlError as error:
            return Draft(str(error))
        try:
            insist_sound(after, "corosync.conf")
        except CoroctlError as error:
            return draft._replace(problem=str(error))
        return draft
