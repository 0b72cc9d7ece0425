"""The manager of a lab: the smallest web server, which answers every request with its node's name.

A copy of this file is on every node, with a unit that runs it on the port that ihttpd names. It needs only Python.
"""

from __future__ import annotations

import socket

PORT = 1500
UNIT = "vmmgr.service"
_REQUEST_S = 2.0


def main() -> None:
    """Serve for ever, one client at a time."""
    body = f"{socket.gethostname()}\n"
    answer = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with socket.create_server(("", PORT)) as server:
        while True:
            client, _ = server.accept()
            with client:
                _serve(client, answer)


def _serve(client: socket.socket, answer: bytes) -> None:
    """Read what was asked, so that the client is not reset; then answer. What clients do wrong is their loss."""
    client.settimeout(_REQUEST_S)
    try:
        if client.recv(65536):
            client.sendall(answer)
    except OSError:
        return


if __name__ == "__main__":
    main()
