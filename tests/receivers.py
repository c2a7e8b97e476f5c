"""A web server and a mail server that keep what they are sent, each in a thread on loopback."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Posts:
    """Requests a web server got; ``answer`` is the status that it gives."""

    port: int = 0
    answer: int = 204
    location: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@dataclass
class Mails:
    """Messages a mail server got; while it ``refuses`` it takes none."""

    port: int = 0
    refuses: bool = False
    got: list[EmailMessage] = field(default_factory=list)


@contextmanager
def web_receiver() -> Iterator[Posts]:
    """A web server at ``127.0.0.1:port``."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.got.append((self.path, dict(self.headers), body))
            self.send_response(posts.answer)
            if posts.location:
                self.send_header("Location", posts.location)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        posts.port = server.server_address[1]
        with _serving(server):
            yield posts


@contextmanager
def mail_receiver() -> Iterator[Mails]:
    """A mail server at ``127.0.0.1:port``."""
    mails = Mails()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline():
                word = line.split()[0].upper() if line.split() else b""
                if word == b"DATA":
                    self._say("354 go on")
                    self._take()
                elif word == b"QUIT":
                    return self._say("221 bye")
                else:
                    self._say("451 later" if mails.refuses and word == b"MAIL" else "250 ok")
            return None

        def _take(self) -> None:
            lines: list[bytes] = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            mails.got.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self._say("250 taken")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        mails.port = server.server_address[1]
        with _serving(server):
            yield mails


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
