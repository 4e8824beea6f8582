"""A dashboard that only pretends, and the command line that asks it."""

import sys

import pytest
from fake_dashboard import TOKEN, FakeDashboard, serving

from caviar.service import helper


@pytest.fixture
def fake(monkeypatch, tmp_path):
    for name in ("RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setattr(helper, "POLL_S", 0.01)
    # This one is done with a job when it says so.
    monkeypatch.setattr(helper, "in_background", lambda words: helper.take_away(*words[3:5], 0.0))
    with serving(FakeDashboard()) as dashboard:
        monkeypatch.setenv("RAY_API_SERVER_ADDRESS", dashboard.url)
        dashboard.python = ".".join(map(str, sys.version_info[:3]))
        yield dashboard


@pytest.fixture
def refused(caviar):
    """The one line that a mistake is told in."""

    def call(*words):
        status, out, complaint = caviar(*words)
        assert (status, out) == (2, "")
        (line,) = complaint.splitlines()
        return line.removeprefix("caviar: ")

    return call
