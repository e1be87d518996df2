"""A TCP proxy in its own thread that cuts, delays, stalls and resets what passes, at run time."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from tests.simulators.process import LOOPBACK, free_port

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST instead of FIN."""
_CHUNK = 65536
_TICK = 0.02


@dataclass(frozen=True)
class Flow:
    """What happens to one direction: each chunk waits so many seconds, or nothing passes and the sockets stay open."""

    delay: float = 0
    is_stalled: bool = False


FREE = Flow()
STALLED = Flow(is_stalled=True)


class Proxy:
    """Listens between `start` and `stop` and forwards to `target`, a port of this machine.

    `target`, `up` (client to server) and `down` may be changed at any moment; `target` holds for new connections.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.up = self.down = FREE
        self.accepted = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._resets_new = False

    def start(self) -> Self:
        self._thread.start()
        self._do(self._listen)
        return self

    def stop(self) -> None:
        self._do(self._leave)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def cut(self) -> None:
        """Close every connection (FIN) and listen no more: connection refused."""
        self._do(self._close_server)
        self._do(lambda: self._drop(is_reset=False))

    def restore(self) -> None:
        """Listen again, and let all pass."""
        self.up = self.down = FREE
        self._resets_new = False
        if self._server is None:
            self._do(self._listen)

    def reset(self, new_ones_too: bool = False) -> None:
        """Reset every connection (RST); with `new_ones_too` also each that is opened until `restore`."""
        self._resets_new = new_ones_too
        self._do(lambda: self._drop(is_reset=True))

    def stall(self) -> None:
        """Nothing passes in either direction until `restore`; everything stays open."""
        self.up = self.down = STALLED

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, LOOPBACK, self.port)

    async def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _leave(self) -> None:
        await self._close_server()
        await self._drop(is_reset=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drop(self, is_reset: bool) -> None:
        for pair in list(self._pairs):
            for writer in pair:
                _end(writer, is_reset)
        self._pairs.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._resets_new:
            _end(writer, is_reset=True)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            _end(writer, is_reset=True)
            return
        pair = writer, far_writer
        self._pairs.add(pair)
        await asyncio.gather(
            self._pump(reader, far_writer, lambda: self.up), self._pump(far_reader, writer, lambda: self.down)
        )
        self._pairs.discard(pair)

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: Callable[[], Flow]) -> None:
        with suppress(OSError):  # either side has gone
            while chunk := await reader.read(_CHUNK):
                await asyncio.sleep(flow().delay)
                while flow().is_stalled:
                    await asyncio.sleep(_TICK)
                writer.write(chunk)
                await writer.drain()
        while flow().is_stalled:
            await asyncio.sleep(_TICK)
        _end(writer, is_reset=False)


def _end(writer: asyncio.StreamWriter, is_reset: bool) -> None:
    connection = writer.get_extra_info("socket")
    if is_reset and connection is not None:
        with suppress(OSError):  # closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
    else:
        writer.close()
