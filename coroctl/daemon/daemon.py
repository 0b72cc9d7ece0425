"""corolistener put together: what is made in which order, what hears of what, and how it ends.

Wiring only. Each part is owned by its module, and what it all means is the core's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import signal
import time
from typing import TYPE_CHECKING, Any

from coroctl.daemon import clock, kit, store
from coroctl.daemon.chronicle import Chronicle
from coroctl.daemon.configuration import outfit_of, overridden, parsed, read, settings_of
from coroctl.daemon.corosync import READ_AGAIN_S, Corosync, Gone, Reloaded, Told, View
from coroctl.daemon.desk import Back, Desk
from coroctl.daemon.drafting import Drafting
from coroctl.daemon.facts import DeadMan, Facts, Names, Votes, program_version
from coroctl.daemon.files import Files
from coroctl.daemon.inventory.side import MachineSide, Peers
from coroctl.daemon.master import Master
from coroctl.daemon.neighbours import Neighbours
from coroctl.daemon.notify import GuardLink, Systemd
from coroctl.daemon.probing import Probing
from coroctl.daemon.rendering import Level
from coroctl.daemon.runfile import read_facts, read_run
from coroctl.daemon.shell import Shell, Tools
from coroctl.daemon.sockets import Sockets
from coroctl.daemon.telling import Telling
from coroctl.daemon.view import status, visible
from coroctl.daemon.witness import Reporter
from coroctl.decision.core import Start
from coroctl.decision.events import ConfigurationLoaded, CorosyncGone, Membership, Stop
from coroctl.decision.values import Office
from coroctl.errors import ConfigError
from coroctl.model import NodeStatus

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from coroctl.daemon.configuration import Loaded, Outfit
    from coroctl.daemon.journal import Journal
    from coroctl.daemon.paths import Paths
    from coroctl.daemon.preflight import Ready
    from coroctl.decision.settings import Settings, Voters
    from coroctl.decision.state import State
    from coroctl.model import Role

BEATS_A_WATCHDOG = 4
SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
END_S = 20
"""What a clean end takes at most beside the manager's stop."""
COROSYNC_S = 0.3
"""How long a start waits for corosync's first word; a tenure that is to be renewed cannot wait longer."""


class Daemon:
    """One life of corolistener on this node."""

    def __init__(self, ready: Ready, paths: Paths, journal: Journal) -> None:
        self.ready = ready
        self.paths = paths
        self.loop = asyncio.get_running_loop()
        self.shell = Shell(ready.node, self.loop)
        self.chronicle = Chronicle()
        self.reporter = Reporter(journal, self.chronicle, self._configured, self._stepped)
        self.loaded = ready.loaded
        self.view: View | None = None
        self._reloaded: Reloaded | None = None
        self._parsed = {ready.loaded.identity: ready.loaded}
        self._journal = journal
        self._systemd = Systemd()
        self._guard = GuardLink(paths.guard)
        self._corosync = Corosync(self.loop, self._heard_corosync)
        self._first_word = asyncio.Event()
        self.neighbours = Neighbours(ready, self.shell.tell, self.reporter.note)
        self._files = Files(
            paths.conf,
            paths.state,
            ready.node,
            self.shell.tell,
            self._settings_of,
            self.neighbours.pull,
            lambda text: self.reporter.note(Level.WARNING, "configuration-file", text=text),
            lambda identity, author: self.desk.changed(identity, author),
        )
        peers = Peers(self.neighbours.pull, lambda: self.loaded.identity)
        self.machines = machines = MachineSide(
            ready.node,
            paths.state,
            self.shell.tell,
            peers,
            self.reporter.note,
            lambda: self.loaded,
            self.reporter.hooks,
        )
        self.master = Master(
            kit.make(outfit_of(ready.loaded, ready.node), self.shell.tell, self.reporter.note),
            paths.run_file,
            self._guard,
            self.reporter.note,
            machines.host.carry_out,
        )
        self._probing = Probing(
            ready.node,
            lambda: self.master.kit.manager,
            lambda: self.loaded.identity,
            self.neighbours.pull,
            self._files.serve,
        )
        machines.serve_otherwise = self._probing.answer
        self.desk = Desk(
            Back(
                ready.name,
                self.shell,
                journal,
                self._facts,
                self._probing.look,
                self.reporter.answer_to,
                Drafting(
                    lambda: self.loaded.data,
                    self._files.in_place,
                    self._files.find,
                    lambda data: self._settings(parsed(data)),
                ).draft,
                machines.host,
            )
        )
        self._telling = Telling(
            ready.node, paths.log, lambda: self.loaded, self.neighbours, machines.answer, lambda: self._sockets.watched
        )
        picture = machines.host.picture
        self._sockets = Sockets(paths.run, self._picture, self.desk, self._telling, journal, machines=picture)
        self._next_outfit: Outfit | None = None
        """To be put on when nothing of the present one is in use."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._disk: store.Store | None = None
        self._started = time.time()
        self._lists: tuple[Voters, ...] = ()
        self._role: Role | None = None
        self._seen: tuple[object, ...] = ()

    async def run(self) -> None:
        """From start to clean end. Whatever nobody expected is raised: the process must end with it."""
        self.loop.set_exception_handler(self._unexpected)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._stop)
        self.loop.add_signal_handler(signal.SIGHUP, lambda: self._begin_task(self.neighbours.reread_keys()))
        self.loop.add_signal_handler(signal.SIGUSR1, self.machines.node_leaves)
        try:
            await self._begin()
            await self.shell.ended.wait()
        finally:
            await self._end()
        if self.shell.failure is not None:
            raise self.shell.failure

    # Beginning and end

    async def _begin(self) -> None:
        """L15 has no time to lose: what a renewal does not need comes after the first step."""
        self._corosync.start()
        known = await asyncio.to_thread(store.load, self.paths.record, self.ready.node)
        staged = await asyncio.to_thread(self._files.staged)
        run = read_run(self.paths.run_file)
        await kit.clear_former(read_facts(self.paths.run_file), self.master.kit.outfit, self.reporter.note)
        serving = await self.master.serving()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._first_word.wait(), COROSYNC_S)
        for problem in (known.why, staged.problem, *self.ready.warnings):
            if problem:
                self.reporter.note(Level.WARNING, "start", text=problem)
        self.shell.begin(
            Start(
                node=self.ready.node,
                boot=clock.boot_id(),
                settings=self._settings(self.loaded),
                now=clock.now_us(),
                draw=secrets.randbits(63),
                record=None if staged.problem else known.record,
                run=run,
                members=self.view.members if self.view else frozenset(),
                quorate=bool(self.view and self.view.quorate),
                serving=serving,
                staged=staged.staged,
            ),
            self._tools,
        )
        await self._settle(run.lease_until if run else 0, lost=known.record is None)

    async def _settle(self, lease_until: int, *, lost: bool) -> None:
        """The rest of the start, in the order of how urgent it is. Nothing is said before it is known what is here."""
        state = self.shell.state
        assert state is not None
        await self.machines.begin(state, lost=lost, unexpected=self.shell.fail)
        await self.neighbours.begin(self.loaded)
        post = self.master.kit.post
        if post is not None and state.claim.office is Office.HOLDING and state.duty.serving:
            await self.master.add_address(post, lease_until)
        await kit.start(self.master.kit, self.reporter.note)
        self.neighbours.serve(self._telling.answer)
        self._begin_task(self._telling.loads.ask_on())
        await self._sockets.start()
        for group in self._sockets.missing_groups:
            self.reporter.note(Level.WARNING, "no-group", group=group, text="only root can use its socket")
        self._systemd.ready()
        self._beat()
        self.machines.host.reach()

    def _tools(self, state: State) -> Tools:
        """The transport's seal names this life, which the first step has just begun."""
        self.neighbours.speak_as(state.life.incarnation)
        self._disk = store.Store(self.paths.record, self.ready.node, self.shell.tell)
        return Tools(self.neighbours, self._disk, self._files, self.master, self.reporter, self.machines.host)

    async def _end(self) -> None:
        """Let go of everything in the order in which others depend on it."""
        self.shell.close()
        self._corosync.stop()
        for task in self._tasks:
            task.cancel()
        await self._sockets.close()
        await self._telling.close()
        await self.machines.close()
        await self.neighbours.close()
        await self._files.close()
        await kit.stop(self.master.kit)
        if self._disk is not None:
            await self._disk.close()
        await self.reporter.hooks.close()
        await self._journal.close()
        self._guard.close()
        self._systemd.close()

    # What happens

    def _heard_corosync(self, told: Told) -> None:
        match told:
            case View():
                self.view = told
                self._first_word.set()
                self.shell.tell(Membership(told.members, told.quorate))
            case Gone(why):
                if self.view is not None:
                    self.reporter.note(Level.WARNING, "corosync-lost", why=why)
                self.view = None
                self.shell.tell(CorosyncGone())
            case Reloaded():
                self._reloaded = told
                self._begin_task(self._reread(told))

    async def _reread(self, told: Reloaded) -> None:
        """corosync has (re)read its file. What it says counts once it is the one that corosync says it has."""
        try:
            found = await asyncio.to_thread(read, self.paths.conf)
        except ConfigError as error:
            self.reporter.note(Level.WARNING, "configuration-unreadable", why=str(error))
            return
        version, state = found.identity.version, self.shell.state
        if version != told.version:
            # Of a change, corosync may hear from another node before the file is here: then it soon reads it again.
            await asyncio.sleep(READ_AGAIN_S)
            if told is self._reloaded:
                self.reporter.note(Level.WARNING, "configuration-not-loaded", loaded=told.version, file=version)
            return
        if state is not None and state.files.loading is None and found.identity != state.files.settings.identity:
            self._parsed[found.identity] = found
            self.shell.tell(ConfigurationLoaded(self._settings(found)))
        for key, value, written in overridden(found, told.overridden):
            self.reporter.note(Level.ALERT, "cmap-differs", key=key, cmap=value, file=written)

    def _configured(self, settings: Settings) -> None:
        """The core has taken in another file."""
        found = self._parsed.get(settings.identity)
        if found is None or found is self.loaded:
            return
        self.loaded = found
        self._parsed = {settings.identity: found}
        self.neighbours.configure(found)
        self._begin_task(self._find_outfit(found))

    async def _find_outfit(self, loaded: Loaded) -> None:
        """The manager's own file has a say, so it takes a thread; it is put on at the next step that leaves it free."""
        outfit = await asyncio.to_thread(outfit_of, loaded, self.ready.node)
        if loaded is self.loaded and outfit != self.master.kit.outfit:
            self._next_outfit = outfit

    def _stepped(self, state: State) -> None:
        if state.files.lists is not self._lists:
            self._lists = state.files.lists
            self.neighbours.keep(frozenset(node for voters in self._lists for node in voters.weights))
        if self._sockets.watched and (seen := visible(state)) != self._seen:
            self._seen = seen
            self._sockets.changed()
        self._files.has_loaded(None if state.files.conflict is not None else state.files.settings.identity)
        if state.world.role is not self._role:
            self._role = state.world.role
            self._systemd.status(f"{self._role.value}, term {state.ballots.term}")
        if self._next_outfit is not None and not state.duty.touched and not state.duty.cleaning:
            former, outfit, self._next_outfit = self.master.kit, self._next_outfit, None
            self.master.kit = kit.make(outfit, self.shell.tell, self.reporter.note)
            self._begin_task(self._redress(former))

    async def _redress(self, former: kit.Kit) -> None:
        """Nothing of the former one is in use; the new gate has replaced its rules already."""
        await kit.stop(former)
        if former.manager is not None and former.outfit.service != self.master.kit.outfit.service:
            await former.manager.withdraw()
        await kit.start(self.master.kit, self.reporter.note)

    # For people

    def _picture(self) -> dict[str, Any]:
        assert self.shell.state is not None
        return status(self.shell.state, clock.now_us(), self._facts())

    def _facts(self) -> Facts:
        cluster, outfit, view = self.loaded.cluster, self.master.kit.outfit, self.view
        return Facts(
            cluster_name=cluster.cluster_name,
            names={node.nodeid: Names(node.name, node.addresses) for node in cluster.nodes if node.nodeid is not None},
            file=str(self.paths.conf),
            transport=cluster.transport,
            address=f"{outfit.address}/{outfit.prefix}" if outfit.address else "",
            device=outfit.device,
            service=outfit.service,
            dead_man=self._dead_man(),
            guard=self._guard.is_there(),
            votes=Votes(view.present, view.needed, view.expected, view.ring_id) if view and view.needed else None,
            statuses=dict.fromkeys(view.left, NodeStatus.LEFT) if view else {},
            stalls=self.shell.stalls,
            longest_stall_us=self.shell.longest_stall_us,
            dropped=self.neighbours.dropped() | self._sockets.ignored(),
            skew_ms=self.neighbours.skew_ms(),
            hearing=self.neighbours.hearing(),
            loads=self._telling.loads.told(self.ready.node),
            machines=self.machines.host.brief(),
            warnings=self.neighbours.troubles(),
            started=self._started,
            program=program_version(),
            past=self.chronicle.past(),
        )

    def _dead_man(self) -> DeadMan:
        post = self.master.kit.post
        if post is None:
            return DeadMan.NONE
        return DeadMan.NFTABLES if post.gate is not None else DeadMan.LIFETIME

    # Signals, and what nobody expected

    def _stop(self) -> None:
        outfit = self.master.kit.outfit
        self._systemd.stopping()
        self._systemd.extend(outfit.service_stop_s + outfit.service_kill_ms / 1000 + END_S)
        self._begin_task(self._leave())

    async def _leave(self) -> None:
        await self.machines.leave()
        self.shell.tell(Stop())

    def _unexpected(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A lack of descriptors or memory passes, and whoever met it tries again; anything else is a bug."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in SHORT_OF:
            self.reporter.note(Level.ALERT, "short-of-resources", why=error.strerror or "", of=str(context["message"]))
            return
        self.shell.fail(error or RuntimeError(str(context.get("message"))))

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_over)

    def _task_over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.shell.fail(error)

    def _beat(self) -> None:
        """The loop lives: systemd is told so, several times before it would have to act."""
        if self._systemd.watchdog_us and not self.shell.ended.is_set():
            self._systemd.alive()
            self.loop.call_later(self._systemd.watchdog_us / 1_000_000 / BEATS_A_WATCHDOG, self._beat)

    def _settings(self, loaded: Loaded) -> Settings:
        return settings_of(loaded, dead_man=self._dead_man() is not DeadMan.LIFETIME)

    def _settings_of(self, data: bytes) -> Settings:
        """For files.py, from its thread as well: remembered until the core has taken it in."""
        found = parsed(data, str(self.paths.conf))
        self._parsed[found.identity] = found
        return self._settings(found)
