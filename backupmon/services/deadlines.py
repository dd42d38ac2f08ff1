"""An end to a conversation, however slowly the other side talks.

The time-out of a socket begins anew with each byte, so who sends one now and then is never late.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from time import monotonic


class Deadline:
    """Within it a connection is made, and made anew; in the end it is hung up on.

    Parameters
    ----------
    seconds:
        For all of it, from now on. Only the look-up of a name can take longer.
    """

    def __init__(self, seconds: float) -> None:
        #: Whether it was hung up on: then nothing that fails is the other side's going away.
        self.is_over = False
        self._end = monotonic() + seconds
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._let_go()

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """As `socket.create_connection`, with as much time as is left for all addresses together.

        Parameters
        ----------
        timeout:
            Seconds for each address, and for each answer afterwards.

        Raises
        ------
        OSError
        """
        self._let_go()
        failed: OSError = TimeoutError("no time is left to connect")
        for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            left = self._end - monotonic()
            if left <= 0:
                break
            try:
                found = socket.create_connection((str(place[4][0]), port), min(timeout, left))
            except OSError as error:
                failed = error
                continue
            found.settimeout(timeout)
            self._watch(found)
            return found
        raise failed

    def _watch(self, found: socket.socket) -> None:
        with self._lock:
            # One of our own: encryption takes the socket away from who had it before.
            self._line = found.dup()
            if self.is_over:
                _shut(self._line)

    def _hang_up(self) -> None:
        with self._lock:
            self.is_over = True
            if self._line is not None:
                _shut(self._line)

    def _let_go(self) -> None:
        with self._lock:
            if self._line is not None:
                self._line.close()
            self._line = None


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
