"""How the server speaks HTTP/1.1: uvicorn's protocol, and limits for who neither speaks nor listens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 20.0
"""How long a client may take for the head of a request, from its connection or the head's first byte."""

DEAF_S = 120.0
"""How long a client may take nothing of what is sent to it."""


class Protocol(H11Protocol):
    """One connection."""

    _head: asyncio.TimerHandle | None = None
    _deaf: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Somebody is here, and is to say what they want."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._head_is_here()
        self._listens()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """They take less than there is for them."""
        super().pause_writing()
        self._listens()
        self._deaf = self.loop.call_later(DEAF_S, self.transport.abort)

    def resume_writing(self) -> None:
        """They took it."""
        self._listens()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """They said something."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE or not self.conn.trailing_data[0]:
            self._head_is_here()
        elif self._head is None:
            self._wait_for_head()

    def send_400_response(self, msg: str) -> None:
        """What they said is no HTTP. They hear it as a problem, and no more is heard of them."""
        problem = {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "this is no HTTP request",
            "code": "invalid-request",
            "remedy": None,
            "instance": "",
        }
        body = json.dumps(problem).encode()
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:  # else an answer is under way already
            self.transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(HEAD_S, self._give_up)

    def _head_is_here(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _listens(self) -> None:
        if self._deaf is not None:
            self._deaf.cancel()
            self._deaf = None

    def _give_up(self) -> None:
        self._head = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
