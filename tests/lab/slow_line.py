"""A client beyond a slow line: its own network namespace on the lab's bridge, limited both ways, with ssh in tmux.

The terminal is tmux's, so what stands on the screen can be read; the bytes are counted on the line.
"""

from __future__ import annotations

import io
import os
import shlex
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.text import Text

from coroctl.lab.run import attempt, run, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coroctl.lab.handle import Lab

HOST = 250
"""The client's address in the lab's first network."""
PORT = 2222
SSHD = """\
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/host.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
"""
FOLDER = "/run/slow-line"
"""On the node."""
CALM_S = 0.3
CALM_MOST_S = 5.0


class Cost(NamedTuple):
    """What something took."""

    seconds: float
    received: int
    """Bytes that came to the client, whatever carried them."""
    sent: int

    def __str__(self) -> str:
        return f"{self.seconds:6.2f} s  {self.received:7d} bytes in  {self.sent:6d} bytes out"


class Terminal:
    """`coroctl` on a node, seen over the line."""

    def __init__(self, server: str, port: str, session: str = "0") -> None:
        self._server = server
        self._session = f"={session}:"
        """A bare name could be a window's of whichever session was used last."""
        self._port = Path("/sys/class/net", port, "statistics")

    def tmux(self, *words: str) -> str:
        """A command of the terminal's tmux."""
        return run(["tmux", "-L", self._server, "-f", "/dev/null", *words])

    def screen(self, *options: str) -> str:
        """What stands there."""
        return self.tmux("capture-pane", "-p", "-t", self._session, *options)

    def picture(self, name: str, width: int) -> None:
        """Keep it as an SVG in the folder that ``PICTURES`` names."""
        folder = Path(os.environ["PICTURES"])
        folder.mkdir(parents=True, exist_ok=True)
        console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(self.screen("-e")), end="", soft_wrap=True)
        (folder / f"{name}.svg").write_text(console.export_svg(title=name))

    def size(self, width: int, height: int) -> None:
        """Another one from now on."""
        self.tmux("resize-window", "-t", "0", "-x", str(width), "-y", str(height))
        self.calm()

    def press(self, *keys: str) -> None:
        """As tmux names them."""
        self.tmux("send-keys", "-t", self._session, *keys)

    def another(self, session: str, size: tuple[int, int]) -> Terminal:
        """One more terminal at the same end of the line."""
        width, height = map(str, size)
        self.tmux("new-session", "-d", "-s", session, "-x", width, "-y", height, "sh")
        return Terminal(self._server, self._port.parent.name, session)

    def vanish(self) -> None:
        """Its window is closed, and whatever ran in it loses its terminal."""
        self.tmux("kill-session", "-t", self._session)

    def received(self) -> int:
        return int((self._port / "tx_bytes").read_text())

    def sent(self) -> int:
        return int((self._port / "rx_bytes").read_text())

    def until(self, *words: str, timeout_s: float = 60) -> str:
        """All of them stand there."""

        def look() -> str | None:
            screen = self.screen()
            return screen if all(word in screen for word in words) else None

        try:
            return until(look, timeout_s, f"{words} on the screen")
        except BaseException:
            print(self.screen())
            raise

    def cost(self, act: Callable[[], object], *words: str, done: Callable[[str], bool] = lambda _: True) -> Cost:
        """Of an act whose end is seen by words on the screen, and by `done`."""
        received, sent, begin = self.received(), self.sent(), time.monotonic()
        act()
        until(lambda: done(self.until(*words)), 60, "the screen to be done")
        return Cost(time.monotonic() - begin, self.received() - received, self.sent() - sent)

    def calm(self) -> None:
        """Wait until nothing has come for a moment; where something always comes, until CALM_MOST_S are over."""
        begin = last = time.monotonic()
        count = self.received()

        def quiet() -> bool:
            nonlocal count, last
            now = time.monotonic()
            if self.received() != count:
                count, last = self.received(), now
            return now - last >= CALM_S or now - begin >= CALM_MOST_S

        until(quiet, 2 * CALM_MOST_S, "a quiet line")


@contextmanager
def slow_line(lab: Lab, name: str, kbit: int, size: tuple[int, int], folder: Path) -> Iterator[tuple[Terminal, str]]:
    """A terminal of that size, and the shell command that leads to the node; all of it goes at the end."""
    plan = lab.plan
    space = f"clab{plan.index}far"
    near, far = f"clab{plan.index}ssh", "eth0"
    network = plan.networks[0].subnet.rpartition(".")[0]
    address = plan.node(name).addresses[0]
    inside = ("ip", "netns", "exec", space)
    run(["ip", "netns", "add", space])
    try:
        run(["ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", space])
        run(["ip", "link", "set", near, "master", plan.networks[0].bridge, "up"])
        # Only what is meant for the client: a bridge floods what is for a node that has died.
        run(["bridge", "link", "set", "dev", near, "flood", "off", "mcast_flood", "off"])
        run([*inside, "ip", "address", "add", f"{network}.{HOST}/24", "dev", far])
        run([*inside, "ip", "link", "set", far, "up"])
        run([*_limit(near, kbit)])
        run([*inside, *_limit(far, kbit)])
        _start_sshd(lab, name, folder)
        ssh = ["ssh", "-tt", "-p", str(PORT), "-i", str(folder / "host"), "-o", "StrictHostKeyChecking=no"]
        ssh += ["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", f"root@{address}"]
        until(lambda: attempt([*inside, *ssh, "true"]).returncode == 0, 20, "sshd to answer", every_s=0.2)
        terminal = Terminal(space, near)
        width, height = map(str, size)
        try:
            terminal.tmux("new-session", "-d", "-x", width, "-y", height, "sh")
            yield terminal, shlex.join([*inside, *ssh])
        finally:
            attempt(["tmux", "-L", space, "kill-server"])
    finally:
        attempt(["ip", "netns", "delete", space])
        attempt(["ip", "link", "delete", near])


def _limit(device: str, kbit: int) -> list[str]:
    """A queue of a second: more than that is dropped, as modems do."""
    words = f"tc qdisc add dev {device} root tbf rate {kbit}kbit burst 1600 latency 1000ms"
    return words.split()


def _start_sshd(lab: Lab, name: str, folder: Path) -> None:
    """One of its own, for one key, which is also the host's."""
    key = folder / "host"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    lab.tell(name, "mkdir", "-p", "-m", "700", FOLDER, "/run/sshd")
    for file, text in (
        ("host", key.read_text()),
        ("host.pub", key.with_suffix(".pub").read_text()),
        ("config", SSHD.format(port=PORT, folder=FOLDER)),
    ):
        lab.tell(name, "sh", "-c", f"umask 077; cat > {FOLDER}/{file} <<'END'\n{text}END")
    lab.tell(name, "systemd-run", "--unit=slow-line", "/usr/sbin/sshd", "-D", "-e", "-f", f"{FOLDER}/config")
