"""The heartbeat: after each good scan another monitor is told that this one lives."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any
from urllib.parse import SplitResult, urlsplit

import structlog
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import Settings
from backupmon.core.addresses import is_public
from backupmon.core.codes import ConditionCode
from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import phrase
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.services.conditions import SeenBy, begin_condition, end_condition
from backupmon.services.deadlines import Deadline
from backupmon.storage.faults import ServerFault

log = structlog.get_logger()

HEARTBEAT_FAILED: ConditionCode = "heartbeat.failed"
_SUBJECT = "heartbeat"
#: Seconds for each answer, and for the whole call: a scan is over by now, and all is told, but
#: whoever did it may be wanted for the next one.
TIMEOUT = 10
LONGEST_CALL = 30


class HeartbeatError(BackupmonError):
    """The other monitor was not reached, or did not want to hear."""


def beat(settings: Settings, longest: float = LONGEST_CALL) -> None:
    """Call HEARTBEAT_URL, where it is set; trouble with it is a server condition, and no more.

    Parameters
    ----------
    longest:
        Seconds for the whole call.
    """
    if settings.heartbeat_url is None:
        return
    try:
        _beat(settings, settings.heartbeat_url.get_secret_value(), longest)
    except SQLAlchemyError:
        # The scan was good all the same.
        db.session.rollback()
        log.exception("heartbeat.unnoted")


def _beat(settings: Settings, url: str, longest: float) -> None:
    try:
        _call(urlsplit(url), settings, longest)
    except HeartbeatError as error:
        fault = ServerFault(HEARTBEAT_FAILED, _SUBJECT, error.message, error.hint)
        log.warning("heartbeat.failed", reason=error.message)
        begin_condition(settings, fault, SeenBy.DELIVERY)
        return
    end_condition(settings, HEARTBEAT_FAILED, _SUBJECT)


def _call(url: SplitResult, settings: Settings, longest: float) -> None:
    """One GET, with nothing of the address in what is told but its host: the rest is secret."""
    with Deadline(longest) as deadline:
        try:
            status = _status_of(url, _connection(url, settings, deadline))
            if deadline.is_over:
                # An answer that is cut short in its headers passes for a whole one.
                raise TimeoutError("the connection was cut")
        except (OSError, http.client.HTTPException, ValueError) as error:
            said = one_line(str(error) or repr(error))
            if deadline.is_over:
                said = f"it came to no end within {longest:g} seconds"
            raise HeartbeatError(
                phrase(
                    "the heartbeat at %(host)s failed: %(error)s",
                    host=str(url.hostname),
                    error=said,
                ),
                phrase("see whether it is up, and check BACKUPMON_HEARTBEAT_URL"),
            ) from None
    if 300 <= status < 400:
        raise HeartbeatError(
            phrase(
                "the heartbeat at %(host)s leads elsewhere (HTTP %(status)s)",
                host=str(url.hostname),
                status=str(status),
            ),
            phrase("let BACKUPMON_HEARTBEAT_URL be the address that it leads to; none is followed"),
        )
    if not 200 <= status < 300:
        raise HeartbeatError(
            phrase(
                "the heartbeat at %(host)s answers HTTP %(status)s",
                host=str(url.hostname),
                status=str(status),
            ),
            phrase("check BACKUPMON_HEARTBEAT_URL"),
        )


def _status_of(url: SplitResult, connection: http.client.HTTPConnection) -> int:
    try:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("GET", target, headers={"User-Agent": "backupmon"})
        return connection.getresponse().status
    finally:
        connection.close()


def _connection(
    url: SplitResult, settings: Settings, deadline: Deadline
) -> http.client.HTTPConnection:
    assert url.hostname is not None
    connection: Any
    if url.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            url.hostname, url.port, timeout=TIMEOUT, context=context
        )
    else:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT)

    def connect(address: tuple[str, int], timeout: float, _source: object) -> socket.socket:
        host, port = address
        if not settings.allow_private_addresses:
            # Where the name leads is looked at and connected to at once: a name that leads
            # elsewhere a moment later is of no use.
            host = _public_address(host, port)
        return deadline.connect(host, port, timeout)

    connection._create_connection = connect
    found: http.client.HTTPConnection = connection
    return found


def _public_address(host: str, port: int) -> str:
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    public = [place for place in places if is_public(str(place[4][0]))]
    if not public:
        raise HeartbeatError(
            phrase("the heartbeat at %(host)s is on a private network", host=host),
            phrase("set BACKUPMON_ALLOW_PRIVATE_ADDRESSES=true if that is meant"),
        )
    return str(public[0][4][0])
