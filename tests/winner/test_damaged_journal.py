"""Whatever happens to a journal's file, those who read it tell one plain line or do their work."""

from __future__ import annotations

import io
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_winner import TOML, data_set, make_study
from rich.console import Console

from caviar.api import is_winner_due, load
from caviar.errors import StudyError
from caviar.report.account import account, course
from caviar.report.checks import checks
from caviar.report.compare import comparison
from caviar.report.diagnosis import diagnose
from caviar.report.evidence import evidence
from caviar.report.exports import table
from caviar.report.exports.material import material
from caviar.report.size_curve import size_verdict
from caviar.report.tables import print_account
from caviar.report.winning import print_winning, winning
from caviar.study.journal import Journal
from caviar.study.opening import FILE
from caviar.study.records import Assignment, Change, ChangeKind, Measurement, Signature, Trial
from caviar.study.spec import StudySpec
from caviar.tuning.messages import Extra
from caviar.tuning.taking_up import check_directory
from caviar.winner.finish import refuse_hopeless, refuse_second_reading

JUNK = [
    None, "", "junk", "{}", "[]", "null", '{"a": [1]}', "[[1]]", -1, 0, 7, 7.3, 1e300,
    float("inf"), float("-inf"), 10**18, b"\xff\x00",
]  # fmt: skip
JSON = [
    ("trials", "hyperparameters"), ("trials", "point"), ("events", "detail"),
    ("events", "detail"), ("events", "detail"), ("meta", "spec"), ("measurements", "watch"),
]  # fmt: skip
CARD = {
    "format": 1,
    "winner": {"name": "trial 1", "trial": 1, "hyperparameters": {}, "epochs": 3},
    "candidates": [],
    "sentences": ["It won."],
    "test": {"accuracy": {"mean": 0.9}, "readings": 1},
}
SEEDS = 24


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a search, finals and a card."""
    directory = tmp_path_factory.mktemp("whole") / "s"
    make_study(directory, {"trial 1": [0.9, 0.8], "baseline": [0.5, 0.4]}, data_set())
    search(directory)
    (directory / "winner").mkdir()
    (directory / "winner" / "card.json").write_text(json.dumps(CARD))
    for file in directory.rglob(FILE):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    return directory


def search(directory: Path) -> None:
    space = StudySpec.parse(TOML).space
    points = [(0.2 * index, 0.3, 0.5, 0.7) for index in range(4)]
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease()
        journal.record("driver_started", {"pid": 1, "slices": 1, "versions": {"caviar": "1"}})
        signature = Signature((), 16, "adam")
        trials = [
            Trial(index, point, space.decode(point), "cover", "", index)
            for index, point in enumerate(points)
        ]
        number = journal.issue(Assignment((0, 1, 2, 3), 0, 3, signature), decisions=trials)
        attempt = journal.start_attempt(number, "slice-0")
        found = [
            Measurement(trial, epoch, 1 / epoch, 0.5, 1 / epoch, 0.5 + trial / 10, 0.01)
            for epoch in (1, 2, 3)
            for trial in range(4)
        ]
        journal.report(number, attempt, found, dict.fromkeys(range(4), (3, b"x")), complete=True)
        journal.decide([Change(ChangeKind.ADD_TRIALS, {"trials": 2})])
        journal.settle(signature, 1, {"rule": "little"})
        chosen = {"name": "trial 1", "trial": 1, "retraining": 1, "exported": 1, "checkpoints": []}
        journal.record("winner_chosen", chosen)
        read = {"at": "now", "by": "me", "readings": 1, "fingerprint": "f", "results": {}}
        journal.record("test_read", read | {"chosen": chosen})
        journal.record("driver_stopped", {"finished": True, "trouble": "", "ending": ""})
        journal.release_lease()


def show(directory: Path, _: Path) -> None:
    with Journal.open(directory) as journal:
        told = account(journal) | winning(journal) | course(journal, 0)
    json.dumps(told, allow_nan=False)
    console = Console(file=io.StringIO(), width=200)
    print_account(console, told, 0)
    print_winning(console, told)


def diagnosis(directory: Path, _: Path) -> None:
    known = evidence(directory)
    json.dumps(diagnose(known, None).to_json(), allow_nan=False)
    size_verdict(directory)
    checks(known)


def winner(directory: Path, _: Path) -> None:
    load(directory)
    is_winner_due(directory)
    refuse_second_reading(directory, reopen=True)
    refuse_hopeless(directory, trained=True)


def going_on(directory: Path, whole: Path) -> None:
    check_directory(load(whole).spec, directory, Extra.AFTER)
    check_directory(load(whole).spec, directory, Extra.SIZES)


def beside(directory: Path, whole: Path) -> None:
    comparison([directory, whole])


def export(directory: Path, _: Path) -> None:
    table.write_csv(material(directory), directory / "csv", lambda *_: None, force=True)


COMMANDS: list[Callable[[Path, Path], None]] = [show, diagnosis, winner, going_on, beside, export]


def test_a_whole_journal_is_read(whole: Path, tmp_path: Path) -> None:
    for command in COMMANDS:
        command(copied(whole, tmp_path), whole)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_damaged_journal_is_one_line_or_none(whole: Path, tmp_path: Path, seed: int) -> None:
    directory, rng = copied(whole, tmp_path), random.Random(seed)
    files = sorted(directory.rglob(FILE))
    damage(rng.choice([directory / FILE, *files]), rng)
    for command in COMMANDS:
        line = said_by(command, directory, whole)
        assert line is None or line.startswith(str(directory))
        assert "\n" not in (line or "")
    assert sorted(path.name for path in (directory / "winner").iterdir()) == ["card.json"]


def said_by(command: Callable[[Path, Path], None], directory: Path, whole: Path) -> str | None:
    try:
        command(directory, whole)
    except StudyError as error:
        return str(error)
    return None


SAID = {
    "DROP TABLE attempts": '"attempts" is missing',
    "ALTER TABLE measurements RENAME COLUMN dev_loss TO x": "measurements has no column dev_loss",
    "DROP VIEW unfinished": '"unfinished" is missing',
    "UPDATE measurements SET dev_accuracy = 7.3 WHERE trial = 2 AND epoch = 1":
        "measurements: trial 2 epoch 1: dev_accuracy must be from 0 to 1, got 7.3",
    "UPDATE measurements SET train_loss = 'low' WHERE trial = 1 AND epoch = 1":
        "train_loss must be a number",
    "UPDATE measurements SET epoch = 30, entry = 999 WHERE trial = 2 AND epoch = 3":
        "trial 2 has a measurement of epoch 30, and was asked for those after 0 to 3",
    "DELETE FROM measurements WHERE trial = 2 AND epoch = 2":
        "trial 2 lacks 1 of its measurements",
    "UPDATE trials SET trial = 9 WHERE trial = 3": "of the trials 0 to 9 some are missing",
    "UPDATE measurements SET trial = 9 WHERE trial = 3":
        "trial 9 has a measurement of assignment 1, which was not its own",
    "UPDATE trials SET hyperparameters = '[]' WHERE trial = 1":
        "trials: trial 1: hyperparameters must be a JSON table, got '[]'",
    "UPDATE trials SET point = '[7, 0, 0, 0]' WHERE trial = 1": "trial 1 must be in the unit cube",
    "UPDATE events SET detail = '{' WHERE kind = 'change'": "change is no JSON",
    "UPDATE events SET detail = '{\"kind\": \"add_trials\", \"detail\": {}}' WHERE kind = 'change'":
        "change: trials is missing",
    "UPDATE meta SET spec = '{}'": "the study's specification lacks [data]",
    "UPDATE meta SET spec = replace(spec, 'adam', 'eve')": "training.optimizer: must be one of",
    "UPDATE checkpoints SET trial = 9 WHERE trial = 3":
        "a row of checkpoints belongs to none of measurements",
    "DELETE FROM meta": "it does not say what study it is of",
    "DELETE FROM events WHERE kind = 'test_read'":
        "tells of 1 reading of the test set, and the journal of none: one of them was edited",
    "PRAGMA user_version = 999": "written by a newer caviar",
    "PRAGMA application_id = 7": "it is not a journal of caviar's",
}  # fmt: skip


@pytest.mark.parametrize("statement", SAID)
def test_what_is_said_of_it(whole: Path, tmp_path: Path, statement: str) -> None:
    directory = copied(whole, tmp_path)
    with closing(sqlite3.connect(directory / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(statement)
    with pytest.raises(StudyError) as told:
        show(directory, whole)
    assert SAID[statement] in str(told.value)
    assert "\n" not in str(told.value)


def content(kind: str) -> Callable[[Path], Any]:
    return {
        "empty": lambda path: path.write_bytes(b""),
        "text": lambda path: path.write_text("a letter to my aunt\n" * 50),
        "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        "folder": lambda path: (path.unlink(), path.mkdir()),
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "half", "folder"])
def test_another_file_in_its_place(whole: Path, tmp_path: Path, kind: str) -> None:
    directory = copied(whole, tmp_path)
    content(kind)(directory / FILE)
    for command in COMMANDS:
        if kind != "folder" or command is not going_on:  # a run would begin a study there
            with pytest.raises(StudyError, match=f"^{directory}.*$"):
                command(directory, whole)


@pytest.mark.parametrize(
    ("what", "by"),
    [
        ('"format": 1', '"format": 3'),
        ('"trial 1"', "[]"),
        ("0.9", "NaN"),
        ("0.9", '"much"'),
        ('"sentences"', '"words"'),
        ("{", "["),
    ],
)
def test_a_damaged_card(whole: Path, tmp_path: Path, what: str, by: str) -> None:
    directory = copied(whole, tmp_path)
    card = directory / "winner" / "card.json"
    card.write_text(card.read_text().replace(what, by))
    for command in (show, diagnosis, beside):
        with pytest.raises(StudyError, match=f"^{card}: "):
            command(directory, whole)


def copied(whole: Path, to: Path) -> Path:
    return Path(shutil.copytree(whole, to / "s", dirs_exist_ok=True))


def damage(file: Path, rng: random.Random) -> None:
    """One of everything that can happen to a file, or be done to it."""
    if rng.random() < 0.2:
        raw = bytearray(file.read_bytes())
        if rng.random() < 0.3:
            del raw[rng.randrange(len(raw)) :]
        else:
            for _ in range(rng.choice([1, 4, 30])):
                raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        file.write_bytes(raw)
        return
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        try:
            connection.execute(*rng.choice([cell, column, structure, row, plain])(connection, rng))
        except sqlite3.Error:
            return  # SQLite itself would not have it


def cell(connection: sqlite3.Connection, rng: random.Random) -> tuple[str, tuple[Any, ...]]:
    table, name, keys = anywhere(connection, rng)
    condition, key = somewhere(connection, rng, table, keys)
    return f"UPDATE {table} SET {name} = ? WHERE {condition}", (rng.choice(JUNK), *key)


def column(connection: sqlite3.Connection, rng: random.Random) -> tuple[str, tuple[Any, ...]]:
    table, name, _ = anywhere(connection, rng)
    return f"UPDATE {table} SET {name} = ?", (rng.choice(JUNK),)


def row(connection: sqlite3.Connection, rng: random.Random) -> tuple[str, tuple[Any, ...]]:
    table, _, keys = anywhere(connection, rng)
    condition, key = somewhere(connection, rng, table, keys)
    return f"DELETE FROM {table} WHERE {condition}", key


def structure(connection: sqlite3.Connection, rng: random.Random) -> tuple[str]:
    table, name, _ = anywhere(connection, rng)
    statements = [
        f"DROP TABLE {table}",
        f"DELETE FROM {table}",
        f"ALTER TABLE {table} RENAME COLUMN {name} TO odd",
        f"UPDATE {table} SET {name} = {name} + 1",
        "DROP INDEX measurements_by_trial",
    ]
    return (rng.choice(statements),)


def plain(connection: sqlite3.Connection, rng: random.Random) -> tuple[str, tuple[Any, ...]]:
    """Something somewhere inside the JSON of a cell."""
    table, name = rng.choice(JSON)
    keys = keys_of(connection, table)
    condition, key = somewhere(connection, rng, table, keys)
    (text,) = connection.execute(f"SELECT {name} FROM {table} WHERE {condition}", key).fetchone()
    data = [json.loads(text or "[[1], [2], []]")]
    holder, place = rng.choice(list(places(data)))
    holder[place] = rng.choice([None, "junk", -1, 7.3, [], {}, True, 1e300, float("nan")])
    return f"UPDATE {table} SET {name} = ? WHERE {condition}", (json.dumps(data[0]), *key)


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    parts = data.items() if isinstance(data, dict) else enumerate(data)
    for place, part in parts:
        yield data, place
        if isinstance(part, dict | list):
            yield from places(part)


def anywhere(connection: sqlite3.Connection, rng: random.Random) -> tuple[str, str, list[str]]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
    table = rng.choice([name for (name,) in found])
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    return table, rng.choice(names), keys_of(connection, table)


def keys_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]


def somewhere(
    connection: sqlite3.Connection, rng: random.Random, table: str, keys: list[str]
) -> tuple[str, tuple[Any, ...]]:
    found = connection.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall()
    condition = " AND ".join(f"{key} = ?" for key in keys)
    return condition, rng.choice(found) if found else (None,) * len(keys)


def test_a_reading_that_was_deleted_opens_no_test_set(whole: Path, tmp_path: Path) -> None:
    directory = copied(whole, tmp_path)
    with closing(sqlite3.connect(directory / FILE, isolation_level=None)) as connection:
        connection.execute("DELETE FROM events WHERE kind = 'test_read'")
    for reopen in (False, True):
        with pytest.raises(StudyError, match="tells of 1 reading of the test set"):
            refuse_second_reading(directory, reopen=reopen)
