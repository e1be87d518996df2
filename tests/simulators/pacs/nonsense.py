"""A port that is open and speaks anything but DICOM."""

import socketserver
import threading
from typing import Self

HTTP_ERROR = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Handler(socketserver.BaseRequestHandler):
    server: "NonsenseServer"

    def handle(self) -> None:
        self.request.settimeout(10)
        try:
            self.request.recv(4096)
            self.request.sendall(self.server.answer)
        except OSError:  # the client went away: nothing to tell it
            return


class NonsenseServer(socketserver.ThreadingTCPServer):
    """Answers every connection with the same bytes and closes it."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: bytes = HTTP_ERROR, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), name="nonsense", daemon=True).start()
        return self

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
