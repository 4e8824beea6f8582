"""The token of a cluster that is joined, with a stand-in for the cluster's answer."""

import os

import pytest
import ray._raylet

from caviar.errors import StudyError
from caviar.tuning import credentials
from caviar.tuning.cluster import joining

ADDRESS = "head:6379"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A cluster that takes the token "right" where it is presented; what it was asked with."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "")  # so that it is put back, whoever sets it
    monkeypatch.setenv("HOME", str(tmp_path))
    found = []

    class Client:
        def __init__(self, address):
            found.append(os.environ["RAY_AUTH_MODE"])
            os.write(2, b"gcs_client.cc: InvalidAuthToken\n")
            given = os.environ.get("RAY_AUTH_TOKEN") == "right"
            if os.environ["RAY_AUTH_MODE"] != "token" or not given:
                raise ray.exceptions.AuthenticationError("InvalidAuthToken")

    class Config:
        @staticmethod
        def initialize(text):
            found.append("read again")

    monkeypatch.setattr(ray._raylet, "GcsClient", Client)
    monkeypatch.setattr(ray._raylet, "Config", Config)
    return found


def test_a_token_is_told_where_it_is_wanted(asked, monkeypatch, capfd):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "right")
    credentials.present(ADDRESS)
    assert asked == ["", "read again", "token"]
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert capfd.readouterr().err == ""


def test_a_cluster_without_a_token_is_told_none(asked, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "right")
    monkeypatch.setattr(ray._raylet, "GcsClient", lambda address: None)
    credentials.present(ADDRESS)
    assert os.environ["RAY_AUTH_MODE"] == ""


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"RAY_AUTH_TOKEN": "wrong"}, "does not take the token of RAY_AUTH_TOKEN$"),
        ({"RAY_AUTH_TOKEN": "wrong", "RAY_AUTH_MODE": "token"}, "the token of RAY_AUTH_TOKEN$"),
        ({}, "the cluster wants a token: give it in RAY_AUTH_TOKEN, or keep it in ~/"),
        ({"RAY_AUTH_MODE": "token"}, "^RAY_AUTH_MODE: token, but there is none in ~/.ray"),
        (
            {"RAY_AUTH_TOKEN_PATH": "/nowhere/t", "RAY_AUTH_MODE": "token"},
            "none in /nowhere/t: give it there",
        ),
        (
            {"RAY_AUTH_TOKEN": "right", "RAY_AUTH_MODE": "disabled"},
            r"\(RAY_AUTH_MODE is 'disabled', and not 'token'\)$",
        ),
    ],
)
def test_a_refusal_names_the_token(asked, monkeypatch, environment, words):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StudyError, match=words):
        credentials.present(ADDRESS)


def test_what_answers_otherwise_is_no_cluster(asked, monkeypatch):
    def silent(address):
        raise ray.exceptions.RpcError("Timed out while waiting for GCS to become available.")

    monkeypatch.setattr(ray._raylet, "GcsClient", silent)
    with pytest.raises(StudyError, match=f"--address {ADDRESS}: no Ray cluster answers there"):
        credentials.present(ADDRESS)


def test_where_a_token_lies(asked, monkeypatch, tmp_path):
    assert credentials.token_place() == ""
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("right\n")
    assert credentials.token_place() == "~/.ray/auth_token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path))  # no file
    assert credentials.token_place() == ""


def test_a_job_joins_its_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert joining(None) == "starting Ray on this machine"
    assert joining("head:6379") == "joining the cluster at head:6379"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert joining(None) == "joining the cluster at 10.0.0.1:6379"
    assert joining("auto") == "joining the cluster"
