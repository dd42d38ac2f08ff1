"""No form leads off this server."""

from __future__ import annotations

import pytest

from backupmon.web.next_page import safe_next


@pytest.mark.parametrize(
    "wanted",
    ["/", "/jobs/7", "/?status=FAILED&q=a%20b", "/jobs/7#history", "/a//b", "/%2F%2Fevil.example"],
)
def test_a_path_of_this_server_is_gone_to(wanted: str) -> None:
    assert safe_next(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "jobs/7",
        "https://evil.example/",
        "HTTPS:evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\x00/evil.example",
        "/\u2028/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "@evil.example",
        "/" + "a" * 2000,
    ],
)
def test_anything_else_leads_to_the_front_page(wanted: str | None) -> None:
    assert safe_next(wanted) == "/"
