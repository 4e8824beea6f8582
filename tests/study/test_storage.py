"""Storages: a directory and an S3 server keep the same promises; bad addresses are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_server import serving

from caviar.errors import StudyError
from caviar.study import storage as module
from caviar.study import storage_address
from caviar.study.storage import Storage, StorageError
from caviar.study.storage_address import Address


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Where the server is, as options of an address."""
    with serving() as url:
        scheme, _, place = url.partition("://")
        yield f"endpoint_override={place}&scheme={scheme}"


@pytest.fixture(params=["path", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "path":
        return Storage(str(tmp_path / "shared" / "study"))
    prefix = tmp_path.name.replace("[", "-").replace("]", "")
    return Storage(f"s3://studies/{prefix}?{request.getfixturevalue('s3')}")


def test_what_was_put_is_there_until_it_is_deleted(storage: Storage) -> None:
    assert storage.get("a/b.bin") is None
    assert storage.list() == storage.list("a") == {}
    storage.put("a/b.bin", b"one")
    storage.put("a/b.bin", b"two" * 100_000)
    storage.put("c", b"")
    storage.put("d/e.sqlite3.zst", b"as it is")
    assert storage.get("d/e.sqlite3.zst") == b"as it is"
    assert storage.get("a/b.bin") == b"two" * 100_000
    assert storage.get("c") == b""
    assert {name: one.size for name, one in storage.list("a").items()} == {"b.bin": 300_000}
    assert set(storage.list()) == {"c"}  # files alone, not what is below
    assert storage.exists("a/b.bin")
    assert not storage.exists("a/c.bin")
    storage.delete("a/b.bin")
    storage.delete("a/b.bin")
    assert storage.get("a/b.bin") is None
    assert storage.list("a") == {}


def test_json_that_is_replaced_while_it_is_read_is_read_again(
    storage: Storage, monkeypatch
) -> None:
    assert storage.get_json("a.json") is None
    storage.put("a.json", b'{"one": 1}')
    torn = [b'{"on', b""]
    whole = storage.get
    monkeypatch.setattr(storage, "get", lambda key: torn.pop() if torn else whole(key))
    assert storage.get_json("a.json") == {"one": 1}
    torn += [b"{"] * 3
    with pytest.raises(ValueError, match="Expecting"):
        storage.get_json("a.json")


def test_a_check_leaves_nothing_and_tells_the_storages_time(storage: Storage) -> None:
    storage.put("before", b"x")
    now = storage.check()
    assert set(storage.list()) == {"before"}
    assert 0 <= now - storage.list()["before"].at < 60


def test_what_a_check_that_was_killed_left_is_deleted(storage: Storage, monkeypatch) -> None:
    monkeypatch.setattr(Storage, "delete", lambda self, key: None)
    storage.check()
    monkeypatch.undo()
    storage.put("writable-by-somebody", b"theirs")
    storage.check()
    assert len(storage.list()) == 2  # it may be at work still
    monkeypatch.setattr(module, "LEFT_S", -60.0)
    storage.check()
    assert set(storage.list()) == {"writable-by-somebody"}


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            "When reading information for key 'x': AWS Error NETWORK_CONNECTION during"
            " HeadObject operation: curlCode: 7, Could not connect to server; Details: Failed to"
            " connect to 127.0.0.1 port 9 after 0 ms",
            "NETWORK_CONNECTION during HeadObject operation: Failed to connect to 127.0.0.1 port 9"
            " after 0 ms",
        ),
        (
            "AWS Error ACCESS_DENIED during HeadObject operation: No response body.",
            "ACCESS_DENIED during HeadObject operation",
        ),
        (
            "AWS Error NO_SUCH_BUCKET during PutObject operation: The specified bucket does not"
            " exist (Request ID: 4c2a)",
            "NO_SUCH_BUCKET during PutObject operation: The specified bucket does not exist",
        ),
        (
            "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with a last message of"
            " Could not create a OAuth2 access token to authenticate the request. The request was"
            " not sent, error_info={reason=})",
            "no credentials of Google's were found in the environment or the machine's role",
        ),
        (
            "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with a last message of"
            " Could not connect, error_info={reason=, domain=})",
            "UNAVAILABLE: Could not connect",
        ),
    ],
)
def test_only_what_a_person_reads_is_told(told: str, reason: str) -> None:
    assert module._reason(OSError(told)) == reason


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    storage = Storage(f"file://{tmp_path}/s")
    storage.put("a", b"old")

    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_durably", full)
    with pytest.raises(StorageError, match="cannot be written: No space left on device"):
        storage.put("a", b"new")
    assert storage.get("a") == b"old"
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["a"]


def test_what_refuses_is_one_line(tmp_path: Path, s3: str) -> None:
    (tmp_path / "file").write_text("")
    for uri, reason in (
        (str(tmp_path / "file" / "below"), "cannot be written: Not a directory"),
        ("/proc/nowhere/x", "cannot be written: No such file or directory"),
        (f"s3://nobodys/x?{s3}", "cannot be written: NO_SUCH_BUCKET during PutObject"),
        ("s3://studies/x?endpoint_override=127.0.0.1:9&scheme=http", "NETWORK_CONNECTION"),
    ):
        with pytest.raises(StorageError) as found:
            Storage(uri).check()
        line = str(found.value)
        assert line.startswith(f"--storage {uri}: cannot be written: ")
        assert reason in line
        assert "\n" not in line
        assert "secret" not in line
        assert "Request ID" not in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="cannot be written: Permission denied"):
        Storage(str(tmp_path)).check()
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("uri", "line"),
    [
        ("", "must be a directory, s3://bucket/prefix or gs://bucket/prefix"),
        ("s3:/bucket/x", "must be a directory, s3://bucket"),  # a slash too few
        ("s3:bucket", "must be a directory, s3://bucket"),
        ("gs:/bucket", "must be a directory, s3://bucket"),
        ("file:/tmp/x", "must be a directory, s3://bucket"),
        ("http://somewhere/x", "must be a directory, s3://bucket"),
        ("s3:///x", "must be a directory, s3://bucket"),
        ("s3://bucket/a/../b", "must be a directory, s3://bucket"),
        ("s3://bucket//a", "must be a directory, s3://bucket"),
        ("a\nb", "must be a directory, s3://bucket"),
        ("s3://me:word@bucket/x", "must hold no password"),
        ("s3://bucket/x?access_key=a&secret_key=b", "must hold no password"),
        ("s3://bucket/x?speed=9", "options are endpoint_override, region, scheme"),
        ("gs://bucket/x?region=here", "options are endpoint_override, scheme"),
        ("file://elsewhere/x", "names no machine"),
        ("file:///x?scheme=http", "options are none"),
    ],
)
def test_what_is_no_address_is_refused(uri: str, line: str) -> None:
    with pytest.raises(StudyError, match=r"^--storage: ") as found:
        Storage(uri)
    assert line in str(found.value)
    assert "word@" not in str(found.value)
    assert "secret_key=b" not in str(found.value)


@pytest.mark.parametrize(
    ("server", "anonymous"),
    [
        ("", False),
        ("storage.googleapis.com", False),
        ("restricted.googleapis.com:443", False),
        ("evil.example", True),
        ("storage.googleapis.com.evil.example", True),
        ("evil.example/.googleapis.com", True),
        ("evilgoogleapis.com", True),
        ("googleapis.com@evil.example", True),
    ],
)
def test_google_s_token_is_sent_to_google_alone(
    server: str, anonymous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr("pyarrow.fs.GcsFileSystem", lambda **options: made.append(options))
    Address.of("gs://bucket/x" + f"?endpoint_override={server}" * bool(server)).filesystem()
    assert made[0]["anonymous"] is anonymous


@pytest.mark.parametrize("name", ["with blanks", "größe 測試", "trailing/", "a%20b", "c#d?e"])
def test_any_name_of_a_directory_will_do(tmp_path: Path, name: str) -> None:
    storage = Storage(f"{tmp_path}/{name}")
    storage.put("checkpoints/a.bin", b"a")
    assert storage.get("checkpoints/a.bin") == b"a"
    assert set(storage.list("checkpoints")) == {"a.bin"}
    storage.check()


def test_where_s3_is_as_aws_tools_are_told(monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://10.0.0.1:9000")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    told = {"endpoint_override": "10.0.0.1:9000", "scheme": "http", "region": "eu-west-1"}
    assert storage_address._of_environment() == told
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example/")
    assert storage_address._of_environment()["endpoint_override"] == "s3.example"
