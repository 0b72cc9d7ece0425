"""The fence agent of a lab's nodes: it asks the lab's power switch (`power`) to switch a node off, or whether it is on.

A copy of this file is on every node of a lab with `--fencing agent`, as /usr/sbin/fence_coroctl. As any agent of
ClusterLabs' it takes key=value on stdin or options, and says the rest by its exit code: 0 done, or for `status`: on;
2 for `status`: off; 1 for everything else. It needs only Python.
"""

from __future__ import annotations

import argparse
import socket
import sys

SWITCH = "/srv/coroctl-lab/power/switch"
"""Where every node has the power switch's socket."""
FAILED = 1
ANSWER_MAX = 4096


def main() -> int:
    """One call; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--action")
    parser.add_argument("-n", "--plug")
    parser.add_argument("--switch")
    given = {key: value for key, value in vars(parser.parse_args()).items() if value is not None} or _on_stdin()
    if not given.get("plug"):
        print("plug is missing: the name of the node", file=sys.stderr)
        return FAILED
    try:
        code, text = _ask(given.get("switch", SWITCH), f"{given.get('action', 'reboot')} {given['plug']}\n")
    except (OSError, ValueError) as error:
        print(f"the power switch does not answer: {error}", file=sys.stderr)
        return FAILED
    print(text)
    return code


def _on_stdin() -> dict[str, str]:
    lines = (line.strip() for line in sys.stdin)
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines if "=" in line)}


def _ask(switch: str, question: str) -> tuple[int, str]:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(switch)
        link.sendall(question.encode())
        answer = b""
        while not answer.endswith(b"\n"):
            data = link.recv(ANSWER_MAX)
            if not data:
                raise ValueError("it has closed the connection")
            answer += data
    code, _, text = answer.decode(errors="replace").strip().partition(" ")
    return int(code), text


if __name__ == "__main__":
    sys.exit(main())
