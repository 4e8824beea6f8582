"""Who is answered: nobody without the token, at no route but the health check."""

import re

import pytest
from web_client import BEARER, TOKEN, Client

from caviar.errors import StudyError
from caviar.service.web.app import create_app
from caviar.service.web.guard import MOST_BYTES
from caviar.service.web.tokens import SESSION_S, Sessions, Token, find_token

COOKIE = Sessions(TOKEN).cookie

HOST = "127.0.0.1:8080"
WRONG = "f" * len(TOKEN.value)


BESIDES = [("POST", "/login"), ("GET", "/nowhere"), ("PUT", "/")]


class Nothing:
    """A source that must never be asked."""

    asked: list[str] = []  # noqa: RUF012 - one for all

    def __getattr__(self, name):
        def ask(*args):
            self.asked.append(name)
            return [] if name == "names" else {}

        return ask


@pytest.fixture
def app():
    Nothing.asked.clear()
    return create_app(Nothing(), TOKEN, ["studies.example"])


def routes_of(app):
    """Every method and path that the application has, its document included."""
    found, waiting = [], list(app.routes)
    while waiting:
        route = waiting.pop()
        waiting += getattr(getattr(route, "original_router", None), "routes", [])
        if getattr(route, "path", None) and getattr(route, "methods", None):
            found += [(method, route.path) for method in route.methods]
    return found


def filled(path):
    return re.sub(r"{number}", "1", re.sub(r"{name}", "digits", path))


def test_the_walk_meets_every_kind_of_route(app) -> None:
    found = set(routes_of(app))
    assert len(found) >= 14
    assert {
        ("GET", "/"), ("GET", "/healthz"), ("GET", "/assets/web.js"), ("POST", "/logout"),
        ("GET", "/api/v1/openapi.json"), ("GET", "/api/v1/studies/{name}/events"),
        ("GET", "/api/v1/studies/{name}/report"), ("POST", "/api/v1/studies/{name}/changes"),
    } <= found  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Bearer {WRONG}"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN.value}"},
        {"authorization": TOKEN.value},
        {"cookie": f"{COOKIE}=1.2"},
        {"cookie": f"{COOKIE}={TOKEN.value}"},
        {"accept": "text/html"},
    ],
)
def test_no_route_but_the_health_check_answers_without_the_token(app, headers) -> None:
    client = Client(app)
    for method, path in [*routes_of(app), *BESIDES]:
        for asked in (filled(path), f"{filled(path)}?token={TOKEN.value}"):
            given = headers | ({"origin": f"http://{HOST}"} if method == "POST" else {})
            answer = client(method, asked, given, b"{}")
            if path == "/healthz":
                assert (answer.status, answer.json) == (200, {"ok": True})
                continue
            assert answer.status == 401, (method, asked)
            assert "digits" not in answer.text.replace("/studies/digits", "")
            assert TOKEN.value not in answer.text
    assert Nothing.asked == []


def test_with_the_token_they_answer(app) -> None:
    client = Client(app)
    assert client.get("/api/v1/studies").json == {"studies": []}
    assert client.get("/").status == 200
    assert client.get("/nowhere").status == 404


def test_a_browser_logs_in_once_and_out(app) -> None:
    client = Client(app, {})
    page = client.get("/studies/digits", accept="text/html")
    assert page.status == 401
    assert 'name="next" value="/studies/digits"' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    form = f"next=%2Fstudies%2Fdigits&token={TOKEN.value}".encode()
    said = client.post("/login", form, origin=f"http://{HOST}")
    assert (said.status, said.headers["location"]) == (303, "/studies/digits")
    cookie = said.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN.value not in cookie
    kept = {"cookie": cookie.split(";")[0]}
    assert client("GET", "/api/v1/studies", kept).status == 200
    out = client("POST", "/logout", kept | {"origin": f"http://{HOST}"})
    assert out.status == 303
    assert f'{COOKIE}=""' in out.headers["set-cookie"]


def test_two_services_of_one_host_log_nobody_out_of_the_other() -> None:
    kept = []
    for letter in "ab":
        token = Token(letter * 32, "CAVIAR_TOKEN")
        client = Client(create_app(Nothing(), token), {})
        said = client.post("/login", f"token={token.value}".encode(), origin=f"http://{HOST}")
        kept.append((client, said.headers["set-cookie"].split(";")[0]))
    both = "; ".join(cookie for _, cookie in kept)
    for client, _ in kept:
        assert client.get("/api/v1/studies", cookie=both).status == 200


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/studies/../x", "/a"])
def test_a_login_leads_nowhere_else(app, after) -> None:
    form = f"next={after}&token={TOKEN.value}".encode()
    said = Client(app, {}).post("/login", form, origin=f"http://{HOST}")
    assert said.headers["location"] == "/"


def test_a_wrong_token_is_told_and_not_shown(app) -> None:
    said = Client(app, {}).post("/login", b"token=letmein", origin=f"http://{HOST}")
    assert said.status == 401
    assert "That is not the token" in said.text
    assert "letmein" not in said.text


@pytest.mark.parametrize(
    "more",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"},
        {"sec-fetch-site": "same-site", "origin": f"http://{HOST}"},
    ],
)
def test_what_comes_from_other_pages_changes_nothing(app, more) -> None:
    session = Sessions(TOKEN).begin()
    for known in (BEARER, {"cookie": f"{COOKIE}={session}"}):
        answer = Client(app, known).post("/api/v1/studies/digits/changes", {"kind": "stop"}, **more)
        assert answer.status == 403
    form = f"token={TOKEN.value}".encode()
    assert Client(app, {}).post("/login", form, **more).status == 403
    assert Nothing.asked == []


def test_a_cookie_alone_changes_nothing_without_an_origin(app) -> None:
    client = Client(app, {"cookie": f"{COOKIE}={Sessions(TOKEN).begin()}"})
    assert client.post("/api/v1/studies/digits/changes", {"kind": "stop"}).status == 403
    known = client.post("/api/v1/studies/digits/changes", {"kind": "stop"}, origin=f"http://{HOST}")
    assert known.status in {200, 202}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "a@b"])
def test_a_name_that_is_not_ours_is_refused(app, host) -> None:
    answer = Client(app).get("/api/v1/studies", host=host)
    assert answer.status == 421
    assert Nothing.asked == []


@pytest.mark.parametrize("host", ["localhost:1", "10.0.0.7", "[::1]:8080", "STUDIES.example:80"])
def test_addresses_and_names_of_ours_are_answered(app, host) -> None:
    assert Client(app).get("/api/v1/studies", host=host).status == 200


def test_a_body_that_is_too_long_is_refused(app) -> None:
    for path, status in (("/api/v1/studies/digits/changes", 413), ("/login", 401)):
        answer = Client(app).post(path, b" " * (MOST_BYTES + 1), origin=f"http://{HOST}")
        assert answer.status == status
    assert Nothing.asked == []


def test_every_answer_says_what_browsers_must_not_do(app) -> None:
    for headers in (BEARER, {}):
        answer = Client(app, headers).get("/", accept="text/html")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_sessions_run_out_and_cannot_be_made_up() -> None:
    now = [1000.0]
    sessions = Sessions(TOKEN, lambda: now[0])
    session = sessions.begin()
    assert sessions.holds(session)
    until, signature = session.split(".")
    assert not sessions.holds(f"{int(until) + 1}.{signature}")
    assert not Sessions(Token(WRONG, ""), lambda: now[0]).holds(session)
    now[0] += SESSION_S + 1
    assert not sessions.holds(session)


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in ("CAVIAR_TOKEN", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_PATH", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_token_is_made_once_for_this_user_alone(home) -> None:
    first, again = find_token(make=True), find_token(make=False)
    assert (first.made, again.made) == (True, False)
    assert first.value == again.value
    assert len(first.value) == 64
    assert first.place == "~/.config/caviar/token"
    assert (home / ".config/caviar/token").stat().st_mode & 0o777 == 0o600
    assert first.value not in repr(first)
    (home / ".config/caviar/token").chmod(0o644)
    with pytest.raises(StudyError, match=r"others may read it; first: chmod 600 ~/\.config"):
        find_token(make=True)


def test_another_address_needs_a_token_that_is_there(home, monkeypatch) -> None:
    with pytest.raises(StudyError, match="another address than loopback needs a token: give one"):
        find_token(make=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "b" * 32)
    assert find_token(make=False).value == "b" * 32
    monkeypatch.setenv("CAVIAR_TOKEN", "a" * 32)
    assert find_token(make=False) == Token("a" * 32, "CAVIAR_TOKEN")
    monkeypatch.setenv("CAVIAR_TOKEN", "abc")
    with pytest.raises(StudyError, match="CAVIAR_TOKEN: must have at least 16 characters, got 3"):
        find_token(make=True)
    monkeypatch.delenv("CAVIAR_TOKEN")
    monkeypatch.setenv("CAVIAR_TOKEN_PATH", str(home / "none"))
    with pytest.raises(StudyError, match="CAVIAR_TOKEN_PATH: ~/none: No such file"):
        find_token(make=True)
