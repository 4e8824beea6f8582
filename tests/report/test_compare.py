"""Studies side by side: what differs, what may be concluded, and what may not."""

import io
import json
import math
import random

import pytest
from exported_studies import DATA, make_study
from hypothesis import given
from hypothesis import strategies as st
from page_studies import cost_of, record_reading
from rich.console import Console

from caviar.report.compare import comparison, differing, winner_of
from caviar.report.compare_tables import print_comparison
from caviar.report.compare_words import remarks, welch

GOOD = [0.95, 0.96, 0.94, 0.955, 0.945]
POOR = [0.85, 0.86, 0.84, 0.855, 0.845]


def card(values, name="trial 7", test=True):
    """A run card as the winner step writes it, with what is of use here."""
    mean = sum(values) / len(values)
    runs = [{"trial": i, "replicate": i + 1, "value": v} for i, v in enumerate(values)]
    row = {"name": name, "trial": 7, "mean": mean, "low": mean - 0.01, "high": mean + 0.01}
    sampling = {"low": 0.7, "high": 0.97}
    read = {
        "examples": 20,
        "readings": 2,
        "sampling": sampling,
        "accuracy": {"mean": 0.9, "low": 0.88, "high": 0.92},
    }
    return {
        "format": 1,
        "sentences": [],
        "winner": {"name": name, "trial": 7, "hyperparameters": {"layers": 2}, "epochs": 9},
        "candidates": [row | {"runs": runs}, {"name": "baseline", "mean": None, "runs": []}],
        "beats_baseline": True,
        "test": read if test else None,
        "cost": {"retraining_epochs": 180},
    }


def crown(directory, values, **more):
    record_reading(directory, 2)
    (directory / "winner").mkdir()
    (directory / "winner" / "card.json").write_text(json.dumps(card(values, **more)))


def two(tmp_path, first=None, second=None, **other):
    for name, values, asked in (("one", first, {}), ("two", second, other)):
        make_study(tmp_path / name, **({"name": name} | asked))
        if values:
            crown(tmp_path / name, values)
    return comparison([tmp_path / "one", tmp_path / "two"])


def printed(told, width=120):
    file = io.StringIO()
    print_comparison(Console(file=file, width=width, highlight=False), told)
    return file.getvalue()


def test_a_study_beside_itself_differs_in_nothing(tmp_path):
    make_study(tmp_path / "one")
    told = comparison([tmp_path / "one", tmp_path / "one"])
    assert (told["space"], told["settings"]) == ([], [])
    assert not any("cannot be compared" in remark for remark in told["remarks"])
    assert "same space" in printed(told)


def test_what_was_asked_otherwise_is_listed(tmp_path):
    told = two(tmp_path, trials=4, seed=3)
    assert {row["name"]: row["values"] for row in told["settings"]} == {
        "seed": [0, 3],
        "search.trials": [9, 4],
    }
    assert told["space"] == []
    assert [study["drawn"] for study in told["studies"]] == [9, 4]
    assert told["studies"][0]["cost"]["search"]["trial_epochs"] == 18
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_spaces_are_told_in_words():
    tables = [{"a": "log 1 to 2", "b": "3"}, {"b": "3", "c": "4"}]
    assert differing(tables) == [
        {"name": "a", "values": ["log 1 to 2", None]},
        {"name": "c", "values": [None, "4"]},
    ]


def test_another_data_set_forbids_any_verdict(tmp_path):
    other = DATA | {"name": "wine", "fingerprint": "e" * 64}
    told = two(tmp_path, GOOD, POOR, data=other)
    text = "\n".join(told["remarks"])
    assert "not the same data set (one: digits 1.0.0, two: wine 1.0.0)" in text
    assert "is better than" not in text


def test_another_cut_is_told_with_the_seeds(tmp_path):
    told = two(tmp_path, GOOD, POOR, data=DATA | {"fingerprint": "e" * 64}, seed=5)
    text = "\n".join(told["remarks"])
    assert "the cut follows the seed: 0, 5" in text
    assert "is better than" not in text


def test_other_metrics_are_told(tmp_path):
    told = two(tmp_path, GOOD, POOR, metric="dev_loss")
    text = "\n".join(told["remarks"])
    assert "compared by different metrics (dev_accuracy, dev_loss)" in text
    assert "is better than" not in text


def test_a_clear_winner_is_named_and_a_doubtful_one_is_not(tmp_path):
    told = two(tmp_path, POOR, GOOD)
    assert any(r.startswith("the winner of two is better than that of one by 10.00 points")
               for r in told["remarks"])  # fmt: skip
    doubtful = [GOOD[0] + 0.001, *GOOD[1:]]
    crowned = tmp_path / "again"
    crowned.mkdir()
    text = "\n".join(two(crowned, GOOD, doubtful)["remarks"])
    assert "the winners of one and two are not told apart" in text
    assert "includes 0" in text


def test_a_lower_loss_is_better():
    studies = [study("one", POOR, "dev_loss"), study("two", GOOD, "dev_loss")]
    assert any(r.startswith("the winner of one is better") for r in remarks(studies))


def study(label, values, metric="dev_accuracy", **more):
    return {
        "label": label,
        "status": "finished",
        "metric": metric,
        "longest": 9,
        "seed": 0,
        "data": {"name": "digits", "fingerprint": "f"},
        "drawn": 9,
        "cost": cost_of(20),
        "best": {"trial": 1, "epoch": 2, metric: 0.5, "hyperparameters": {}},
        "winner": winner_of(card(values)) if values else None,
    } | more


def test_what_limits_a_comparison_is_told():
    studies = [
        study("one", None),
        study("two", GOOD, cost=cost_of(60, 500)),
        study("three", [0.9], status="running"),
        study("four", None, best=None, longest=27),
    ]
    text = "\n".join(remarks(studies))
    assert "one: has no winner yet; its best value is the luckiest of 9 trials" in text
    assert "two spent 3.0 times the trial-epochs of one on its search" in text
    assert "three: is running; what is told of it will change" in text
    assert "four: no trial has a result that counts" in text
    assert "trained to different lengths at most (9, 9, 9, 27 epochs)" in text
    assert "two and three: too few seeds to tell their winners apart" in text


def test_only_studies_alike_are_judged():
    other = {"name": "digits", "fingerprint": "e"}
    studies = [study("one", GOOD), study("two", POOR, data=other), study("three", POOR)]
    judged = [remark for remark in remarks(studies) if "is better than" in remark]
    assert len(judged) == 1
    assert judged[0].startswith("the winner of one is better than that of three")


def test_data_that_were_never_read_are_told():
    studies = [study("one", GOOD), study("two", GOOD, data={})]
    assert remarks(studies)[0] == "two: the data were not read yet; nothing is known of them"


def test_welch_covers_what_it_claims():
    random.seed(0)
    hits = 0
    for _ in range(1000):
        one = [random.gauss(0.3, 0.1) for _ in range(5)]
        other = [random.gauss(0.0, 0.3) for _ in range(5)]
        _, low, high = welch(one, other)
        hits += low <= 0.3 <= high
    assert 925 <= hits <= 985


@given(st.lists(st.floats(-1, 1), max_size=6), st.lists(st.floats(-1, 1), max_size=6))
def test_welch_of_anything(one, other):
    found = welch(one, other)
    if min(len(one), len(other)) < 2:
        assert found is None
        return
    assert found[1] <= found[0] <= found[2]
    assert all(map(math.isfinite, found))


def test_hostile_names_stay_on_their_line(tmp_path):
    make_study(tmp_path / "one")
    crown(tmp_path / "one", GOOD, name="[red]\x1b[2J\ntrial")
    make_study(tmp_path / "two", data=DATA | {"name": "<b>\n[bold]x[/bold]\x1b[31m"})
    out = printed(comparison([tmp_path / "one", tmp_path / "two"]), width=400)
    assert "\x1b" not in out
    assert "[bold]x[/bold]" in out  # no markup of ours
    assert r"[red]\x1b[2J\ntrial" in out


@pytest.mark.parametrize("spoilt", [{}, {"winner": None}, {"candidates": None, "test": {}}])
def test_a_card_that_lacks_things_is_no_error(spoilt):
    told = winner_of(({} if not spoilt else card(GOOD)) | spoilt)
    assert told["mean"] is None or told["name"]
    out = printed({"studies": [study("one", None, directory="d", strategy="caviar",
                                     trials={"paused": 1}, winner=told)],
                   "space": [], "settings": [], "remarks": []})  # fmt: skip
    assert "winner" in out


def test_tables_tell_the_winner_with_its_interval(tmp_path):
    out = printed(two(tmp_path, GOOD, None), width=200)
    assert "trial 7: 95.00 % (94.00 % to 96.00 %) over 5 seeds" in out
    assert "90.00 % (88.00 % to 92.00 %) on 20 examples, which alone leave 70.00 % to" in out
    assert ["trial-epochs", "18", "18"] in [line.split() for line in out.splitlines()]
    assert "one: its test set was read 2 times; its figure flatters" in out
    assert "yes" in out
