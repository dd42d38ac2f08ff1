"""The log of ``flask up``."""

from __future__ import annotations

import json

import pytest

from backupmon.cli.up_log import UpLog


def test_each_line_bears_the_name_of_its_part(capsys: pytest.CaptureFixture[str]) -> None:
    UpLog(coloured=False, as_json=False).say("web", "begun\x1b[31m")
    assert capsys.readouterr().out == "web       | begun\ufffd[31m\n"


def test_as_json_every_line_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    log = UpLog(coloured=True, as_json=True)
    log.say("scanner", '{"event": "scan.began", "level": "info", "scan": "ab12"}')
    log.say("redis", "* Ready to accept\x1b connections")
    log.say("redis", '{"no event": "\\ud800"}')
    log.say("web", '{"event": "\\ud800"}')
    ours, redis, *_ = map(json.loads, capsys.readouterr().out.splitlines())
    assert ours == {"event": "scan.began", "level": "info", "scan": "ab12", "part": "scanner"}
    assert redis.keys() == {"time", "level", "event", "part", "message"}
    assert redis["message"] == "* Ready to accept\ufffd connections"
