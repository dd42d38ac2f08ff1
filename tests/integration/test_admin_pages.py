"""The pages of admins: users, tokens, the audit log."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest

from backupmon.extensions import db
from backupmon.services.accounts import list_users
from backupmon.services.audit import Act, record_acts
from backupmon.services.tokens import list_tokens, verify_token
from tests.integration.web import PASSWORD, SCRIPT, ClientAs, make_user

NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)


def test_an_admin_adds_a_user_who_can_log_in(client_as: ClientAs) -> None:
    admin = client_as("admin")
    added = admin.send("/admin/users", name=SCRIPT, role="operator", password=PASSWORD)
    assert added.location == "/admin/users"
    page = admin.get("/admin/users").text
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 1
    assert client_as("stranger").log_in(SCRIPT).status_code == 302


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": ""}, "is empty"),
        ({"name": "ADMIN"}, "is somebody&#39;s already"),
        ({"password": "short"}, "is too short"),
        ({"password": "Ada Lovelace"}, "is the name, which everybody knows"),
        ({"role": "root"}, "is none of those that there are"),
    ],
)
def test_what_is_wrong_stands_beside_what_was_typed(
    client_as: ClientAs, fields: dict[str, str], fault: str
) -> None:
    sent = {"name": "Ada Lovelace", "role": "operator", "password": PASSWORD} | fields
    page = client_as("admin").send("/admin/users", **sent)
    assert page.status_code == 422
    assert fault in page.text
    assert f'value="{sent["name"]}"' in page.text
    assert (f'<option value="{sent["role"]}" selected>' in page.text) is (sent["role"] != "root")
    assert f'value="{sent["password"]}"' not in page.text or sent["password"] == sent["name"]
    assert len(list_users()) == 1


def test_the_last_admin_is_told_to_stay(client_as: ClientAs) -> None:
    admin, user = client_as("admin"), make_user("admin")
    for act in ("disable", "delete", "role"):
        page = admin.send(f"/admin/users/{user.id}/{act}", role="viewer")
        assert page.status_code == 422
        assert "That is the last active admin" in page.text
    assert admin.get("/admin/users").status_code == 200


def test_a_role_counts_from_the_next_click_on(client_as: ClientAs) -> None:
    admin, viewer, user = client_as("admin"), client_as("viewer"), make_user("viewer")
    assert viewer.get("/admin/users").status_code == 403
    admin.send(f"/admin/users/{user.id}/role", role="admin")
    assert viewer.get("/admin/users").status_code == 200


def test_a_password_that_cannot_be_one_is_told_at_its_user(client_as: ClientAs) -> None:
    admin, user = client_as("admin"), make_user("bob")
    page = admin.send(f"/admin/users/{user.id}/password", password="short")
    assert page.status_code == 422
    assert page.text.count("is too short") == 1
    assert 'aria-invalid="true" aria-describedby="user-2-password-fault"' in page.text
    assert 'id="user-2-password-fault"' in page.text
    assert re.search(r'id="user-2">.*<details open>.*is too short', page.text, re.DOTALL)
    assert admin.send(f"/admin/users/{user.id}/password", password="other words").location
    assert client_as("stranger").log_in("bob", "other words").status_code == 302


def test_a_user_who_is_not_there_is_a_404(client_as: ClientAs) -> None:
    for number in (99, 10**30):
        assert client_as("admin").send(f"/admin/users/{number}/delete").status_code == 404


def test_a_token_is_shown_once(client_as: ClientAs) -> None:
    admin = client_as("admin")
    page = admin.send("/admin/tokens", name="grafana", scope="write")
    found = re.search(r"bm_[0-9a-f]{64}", page.text)
    assert found
    token = verify_token(found[0], NOW)
    assert token is not None
    assert (token.scope, token.created_by) == ("write", "user:admin")
    assert found[0] not in admin.get("/admin/tokens").text
    again = admin.send("/admin/tokens", name="Grafana", scope="read")
    assert again.status_code == 422
    assert "is another token&#39;s already" in again.text
    assert 'value="Grafana"' in again.text
    assert admin.send("/admin/tokens", name="x", scope="all").status_code == 422
    admin.send(f"/admin/tokens/{token.id}/revoke")
    assert verify_token(found[0], NOW) is None
    assert len(list_tokens()) == 1


def test_the_audit_log_shows_before_and_after_and_goes_back(client_as: ClientAs) -> None:
    admin = client_as("admin")
    assert "Nothing has been changed yet" in admin.get("/admin/audit").text
    acts = [Act("job.edit", "job", n, {"city": SCRIPT}, {"city": f"{n} %s"}) for n in range(1, 62)]
    record_acts(acts, "user:ada", NOW)
    db.session.commit()
    page = admin.get("/admin/audit").text
    assert SCRIPT not in page
    assert page.count("<del>&lt;script&gt;") == 50
    assert "<ins>61 %s</ins>" in page
    older = re.search(r'href="(/admin/audit\?before=\d+)" rel="next"', page)
    assert older
    page = admin.get(older[1]).text
    assert page.count("<del>") == 11
    assert 'rel="next"' not in page
    for odd in ("x", "-1", "9" * 40, "-" + "9" * 40):
        assert admin.get(f"/admin/audit?before={odd}").status_code == 200


def test_the_audit_log_is_filtered_and_goes_back_within_the_filter(client_as: ClientAs) -> None:
    admin = client_as("admin")
    for number in range(1, 61):
        record_acts([Act("job.edit", "job", 7, None, {"n": number})], "user:ada", NOW)
        record_acts([Act("user.role", "user", number, None, {"n": number})], "cli:100%", NOW)
    db.session.commit()

    def found(**filters: object) -> tuple[int, str | None]:
        page = admin.get("/admin/audit", query_string=filters)
        assert page.status_code == 200
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        return page.text.count("<ins>"), html.unescape(older[1]) if older else None

    count, older = found(who="ADA", kind="job", number="7")
    assert count == 50
    assert older
    assert admin.get(older).text.count("<ins>") == 10
    assert found(kind="user", number="7") == (1, None)
    assert found(who="0%", number="9") == (1, None)
    for nothing in ({"who": "%%"}, {"kind": "x"}, {"number": "x"}, {"number": "9" * 30}):
        assert found(**nothing) == (0, None)
    assert "No change fits" in admin.get("/admin/audit?who=nobody\0").text


def test_a_long_change_is_folded_in_the_audit_log(client_as: ClientAs) -> None:
    many = {f"column_{n}": n for n in range(20)}
    record_acts([Act("job.add", "job", 1, None, many)], "user:ada", NOW)
    record_acts([Act("job.pause", "job", 1, None, {"is_active": False})], "user:ada", NOW)
    db.session.commit()
    page = client_as("admin").get("/admin/audit").text
    assert page.count("<summary>20 values</summary>") == 1
    assert "1 value<" not in page


def test_the_areas_of_admins_unfold_and_pages_of_jobs_belong_to_the_dashboard(
    client_as: ClientAs,
) -> None:
    def frame(role: str, path: str) -> str:
        return client_as(role).get(path).text.partition("<main")[0]

    assert 'class="rarer"' not in frame("operator", "/")
    assert '<details class="rarer">' in frame("admin", "/")
    assert '<details class="rarer" open>' in frame("admin", "/admin/users")
    for path in ("/jobs/new", "/jobs/import"):
        assert '<a href="/" aria-current="page">' in frame("operator", path)
