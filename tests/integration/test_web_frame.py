"""What every answer of the web has in common: headers, languages, errors, the token of forms."""

from __future__ import annotations

import re

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backupmon import create_app
from backupmon.application import Application
from backupmon.config import Settings, SettingsError
from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.web.protection import MOST_BYTES, MOST_FORM_BYTES

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def pages(settings: Settings) -> Application:
    """The application with some views that go wrong in every way."""
    app = create_app(settings)
    app.wire()

    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError(SCRIPT)

    @app.get("/no-such-thing")
    def no_such_thing() -> str:
        raise NotFoundError(f"there is no {SCRIPT}")

    @app.get("/refused")
    def refused() -> str:
        raise RefusedError(f"{SCRIPT} is in use", "choose another")

    @app.get("/abort/<int:code>")
    def abort_with(code: int) -> str:
        abort(code)

    @app.get("/api/broken")
    def api_broken() -> str:
        raise ZeroDivisionError

    return app


@pytest.fixture
def client(pages: Flask) -> FlaskClient:
    return pages.test_client()


def token_of(response: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', response.text)
    assert found
    return found[1]


# --- headers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/health", "/nothing", "/broken", "/static/vendor/htmx.min.js", "/language"]
)
def test_every_answer_bears_the_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    for directive in ("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert directive in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_pages_stay_in_no_cache_and_static_files_are_asked_for_anew(client: FlaskClient) -> None:
    assert client.get("/nothing").headers["Cache-Control"] == "no-store"
    with client.get("/static/vendor/htmx.min.js") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("base_url", "secure"),
    [("https://backups.example.org", True), ("http://localhost:8000", False), (None, False)],
)
def test_cookies_are_secure_where_people_come_by_https(
    settings: Settings, base_url: str | None, secure: bool
) -> None:
    app = create_app(settings.model_copy(update={"base_url": base_url}))
    client = app.test_client()
    page = client.get("/nothing", base_url="https://localhost")
    assert ("Strict-Transport-Security" in page.headers) is secure
    form = {"language": "fr", "csrf_token": token_of(page)}
    chosen = client.post("/language", data=form, base_url="https://localhost")
    cookies = page.headers.getlist("Set-Cookie") + chosen.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert ("; Secure" in cookie) is secure
        assert "; HttpOnly" in cookie
        assert "; SameSite=Lax" in cookie


@pytest.mark.parametrize(("count", "seen"), [(0, "127.0.0.1"), (1, "9.9.9.9"), (2, "8.8.8.8")])
def test_only_proxies_that_were_named_are_believed(
    settings: Settings, count: int, seen: str
) -> None:
    from flask import request

    app = create_app(settings.model_copy(update={"trusted_proxies": count}))
    app.wire()
    app.add_url_rule("/whoami", view_func=lambda: str(request.remote_addr))
    answer = app.test_client().get(
        "/whoami", headers={"X-Forwarded-For": "7.7.7.7, 8.8.8.8, 9.9.9.9"}
    )
    assert answer.text == seen


# --- the token of forms ----------------------------------------------------------------------


def test_a_form_without_its_token_is_refused_with_a_page(client: FlaskClient) -> None:
    answer = client.post("/language", data={"language": "fr"})
    assert answer.status_code == 400
    assert "This page has been open for too long" in answer.text


def test_a_token_of_another_session_is_refused(client: FlaskClient, pages: Flask) -> None:
    token = token_of(pages.test_client().get("/nothing"))
    client.get("/nothing")
    answer = client.post("/language", data={"language": "fr", "csrf_token": token})
    assert answer.status_code == 400


def test_htmx_sends_the_token_in_a_header(client: FlaskClient) -> None:
    page = client.get("/nothing")
    found = re.search(r"""hx-headers='\{"X-CSRFToken": "([^"]+)"\}'""", page.text)
    assert found
    answer = client.post(
        "/language",
        data={"language": "fr"},
        headers={"X-CSRFToken": found[1], "HX-Request": "true"},
    )
    assert answer.status_code == 302


# --- languages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("browser", "shown"),
    [
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.5", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("de,fr;q=0.5", "fr"),
        ("de", "en"),
        ("", "en"),
        ("\x7f;;q=,,", "en"),
    ],
)
def test_the_browser_says_the_language(client: FlaskClient, browser: str, shown: str) -> None:
    page = client.get("/nothing", headers={"Accept-Language": browser})
    assert f'<html lang="{shown}">' in page.text
    assert ("Il n’y a rien ici" in page.text) is (shown == "fr")


def test_without_a_browsers_wish_the_setting_decides(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"language": "fr"}))
    assert '<html lang="fr">' in app.test_client().get("/nothing").text


def test_a_choice_is_kept_and_leads_back(client: FlaskClient) -> None:
    page = client.get("/nothing?x=1&y=2")
    assert 'name="next" value="/nothing?x=1&amp;y=2"' in page.text
    form = {"language": "fr", "next": "/nothing?x=1", "csrf_token": token_of(page)}
    answer = client.post("/language", data=form)
    assert answer.headers["Location"] == "/nothing?x=1"
    page = client.get("/nothing", headers={"Accept-Language": "en"})
    assert '<html lang="fr">' in page.text


def test_a_choice_leads_nowhere_else(client: FlaskClient) -> None:
    form = {"language": "fr", "next": "//evil.example", "csrf_token": token_of(client.get("/x"))}
    assert client.post("/language", data=form).headers["Location"] == "/"


@pytest.mark.parametrize("language", ["", "de", "../en", SCRIPT])
def test_no_other_language_is_taken(client: FlaskClient, language: str) -> None:
    form = {"language": language, "csrf_token": token_of(client.get("/x"))}
    assert client.post("/language", data=form).status_code == 422


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 403, 404, 405, 409, 413, 422, 429, 500, 503])
def test_every_error_is_a_page_in_the_apps_own_look(client: FlaskClient, code: int) -> None:
    answer = client.get(f"/abort/{code}")
    assert answer.status_code == code
    assert "<header>" in answer.text
    assert f"Error {code}" in answer.text


@pytest.mark.parametrize("code", [400, 404, 422, 500])
def test_htmx_is_told_in_a_fragment(client: FlaskClient, code: int) -> None:
    answer = client.get(f"/abort/{code}", headers={"HX-Request": "true"})
    assert answer.status_code == code
    assert answer.text.startswith('<div class="notice error" role="alert">')
    assert "<html" not in answer.text


def test_a_boosted_link_is_answered_with_a_page(client: FlaskClient) -> None:
    answer = client.get("/nothing", headers={"HX-Request": "true", "HX-Boosted": "true"})
    assert "<html" in answer.text


def test_an_error_nobody_expected_has_an_id_that_the_log_has_too(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 500
    found = re.search(r"<code>([0-9a-f]{8})</code>", answer.text)
    assert found
    (line,) = capsys.readouterr().err.splitlines()
    assert f"error_id={found[1]}" in line
    assert "ZeroDivisionError" in line
    assert "ZeroDivisionError" not in answer.text
    assert "alert(1)" not in answer.text


@pytest.mark.parametrize(("path", "code"), [("/no-such-thing", 404), ("/refused", 422)])
def test_what_a_service_refuses_is_told_and_harmless(
    client: FlaskClient, path: str, code: int
) -> None:
    answer = client.get(path)
    assert answer.status_code == code
    assert SCRIPT not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text


def test_the_api_is_told_in_json(client: FlaskClient) -> None:
    answer = client.get("/api/broken")
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert (problem["status"], problem["title"]) == (500, "Something went wrong on the server")
    assert len(problem["error_id"]) == 8
    assert client.get("/api/nothing").get_json()["status"] == 404


def test_an_error_says_what_else_it_has_to(client: FlaskClient) -> None:
    answer = client.get("/language")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


# --- bounds ----------------------------------------------------------------------------------


def multipart(*parts: bytes) -> bytes:
    return (
        b"".join(b"--b\r\nContent-Disposition: form-data; " + p + b"\r\n" for p in parts) + b"--b--"
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(multipart(b'name="f"; filename="x"\r\n\r\n' + b"x" * MOST_BYTES), id="a file"),
        pytest.param(
            multipart(b'name="language"\r\n\r\n' + b"x" * MOST_FORM_BYTES + b"x"), id="a field"
        ),
        pytest.param(multipart(*[b'name="language"\r\n\r\nfr'] * 1001), id="parts"),
    ],
)
def test_what_is_too_large_is_refused(client: FlaskClient, body: bytes) -> None:
    kind = "multipart/form-data; boundary=b"
    assert client.post("/language", data=body, content_type=kind).status_code == 413


# --- the key ---------------------------------------------------------------------------------


def test_two_processes_of_a_server_know_each_others_cookies(settings: Settings) -> None:
    one, other = create_app(settings), create_app(settings)
    one.wire()
    other.wire()
    assert (
        one.secret_key == other.secret_key == (settings.data_dir / "secret_key").read_text().strip()
    )


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40])
def test_a_spoilt_key_is_named_and_never_used(settings: Settings, content: bytes) -> None:
    (settings.data_dir / "secret_key").write_bytes(content)
    with pytest.raises(SettingsError, match=r"secret_key, which signs cookies"):
        create_app(settings).wire()
