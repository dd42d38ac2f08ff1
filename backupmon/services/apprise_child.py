"""Sends one notification by Apprise, in a process of its own; see `announcing`.

It is run by its path, reads one JSON object, and prints another. Whatever a kind of channel does
in here, the process can connect to nothing on a private network unless that is allowed, follows no
redirect, and starts no program: an audit hook sees to that, which nothing can take off again.
"""

from __future__ import annotations

import json
import logging
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

_CORE = Path(__file__).resolve().parent.parent / "core"
_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_RUNS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
)
#: What came of the last request, for want of words from Apprise: those may hold secrets.
_seen: dict[str, Any] = {}


def main() -> None:
    """Do as standard input says."""
    wanted = json.load(sys.stdin)
    out = sys.stdout
    # Whatever else is printed in here is not the answer.
    sys.stdout = sys.stderr
    logging.disable(logging.CRITICAL)
    print(json.dumps(_answer(wanted)), file=out, flush=True)


def _answer(wanted: dict[str, Any]) -> dict[str, Any]:
    try:
        import apprise
    except ImportError:
        return {"why": "absent"}
    _guard(allow_private=wanted["allow_private"])
    asset = apprise.AppriseAsset(storage_mode="memory", http_redirects=False)
    plugin = apprise.Apprise.instantiate(wanted["url"], asset=asset, suppress_exceptions=True)
    if plugin is None or not type(plugin).__module__.startswith("apprise.plugins."):
        return {"why": "unusable"}
    if wanted["own_server"] and not wanted["allow_private"] and _leads_inside(plugin):
        return {"why": "private"}
    if wanted["title"] is None:
        return {"ok": True}
    try:
        done = plugin.notify(title=wanted["title"], body=wanted["body"])
    except Exception as error:
        _seen.setdefault("why", "failed")
        _seen["error"] = type(error).__name__
        done = False
    return {"ok": True} if done else {"why": "failed", **_seen}


def _guard(*, allow_private: bool) -> None:
    is_public = runpy.run_path(str(_CORE / "addresses.py"))["is_public"]

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event in _RUNS:
            raise PermissionError("no program is started here")
        if event in _CONNECTS and not allow_private:
            address = args[1]
            if not isinstance(address, tuple) or not is_public(str(address[0])):
                _seen["why"] = "private"
                raise PermissionError("that is on a private network")

    sys.addaudithook(watch)
    _watch_requests()


def _watch_requests() -> None:
    import requests

    send = requests.Session.send

    def watched(self: Any, request: Any, **options: Any) -> Any:
        try:
            answer = send(self, request, **options)
        except requests.exceptions.SSLError:
            _seen.setdefault("why", "certificate")
            raise
        except requests.exceptions.Timeout:
            _seen.setdefault("why", "late")
            raise
        except requests.exceptions.RequestException:
            _seen.setdefault("why", "unreachable")
            raise
        _seen["status"] = answer.status_code
        return answer

    setattr(requests.Session, "send", watched)  # noqa: B010 - a plain assignment is refused
    setattr(requests.Session, "get_redirect_target", lambda _self, _answer: None)  # noqa: B010


def _leads_inside(plugin: Any) -> bool:
    """Whether a server of one's own stands on a private network, as far as can be told now."""
    host = str(getattr(plugin, "host", "") or "").strip("[]")
    if not {".", ":"} & set(host) and host != "localhost":
        # For some kinds that is no host but a secret, which nobody is to be asked for.
        return False
    is_public = runpy.run_path(str(_CORE / "addresses.py"))["is_public"]
    try:
        places = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return not any(is_public(str(place[4][0])) for place in places)


if __name__ == "__main__":
    main()
