"""The report as one file: well-formed, closed to the world, of bounded size, written whole."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import typer
from hostile import hostile
from page_studies import WHOLE, card_of, journalled, planted, write_winner
from typer.testing import CliRunner

from caviar import cli_report
from caviar.errors import StudyError
from caviar.report.evidence import evidence
from caviar.report.page.document import document
from caviar.report.page.writing import write_report, write_whole
from caviar.report.sizes import SizePoint, sizes
from caviar.space.domain import Choice, Float
from caviar.space.search_space import SearchSpace

VOID = {"meta", "img", "input", "br", "col"}
MOST_BYTES = 8_000_000


class Page(HTMLParser):
    """Reads a page and complains about what does not hang together."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag == "style":
            self.styles.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = (attributes, before + data)
        elif self.open and self.open[-1] == "style":
            self.styles[-1] += data
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def ids(self) -> list[str]:
        return [a["id"] for _, a in self.tags if a.get("id")]

    def policy(self) -> dict[str, str]:
        found = [a["content"] for t, a in self.tags if a.get("http-equiv")]
        assert len(found) == 1
        return dict(part.strip().partition(" ")[::2] for part in found[0].split(";"))


@pytest.fixture(scope="module")
def page() -> Page:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("caviar.report.importance.importance", _nothing)
        return Page(
            document(planted(card=card_of(["a", "b"], {"units": 9}), data={"name": "toys"}))
        )


@pytest.fixture(autouse=True)
def _no_forests(monkeypatch) -> None:
    """Importance takes seconds and has tests of its own."""
    monkeypatch.setattr("caviar.report.importance.importance", _nothing)


def _nothing(_):
    raise StudyError("too few trials to tell")


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_page_is_well_formed_and_its_names_are_unique(page) -> None:
    ids = page.ids()
    assert len(ids) == len(set(ids))
    links = {a["href"][1:] for t, a in page.tags if t == "a"}
    assert links <= set(ids)
    assert all(a["href"].startswith("#") for t, a in page.tags if t == "a")


def test_a_person_in_a_hurry_reads_the_headline_first(page) -> None:
    words = page.words
    assert words.index("90.50 %") < words.index("The winner beats the baseline.")
    assert words.index("The winner beats the baseline.") < words.index("Diagnosis")
    for told in (
        "test accuracy",
        "88.00 % to 93.00 %",
        "91.00 %",
        "6.00 points, 2.00 to 10.00 points",
        "planted",
    ):
        assert told in words


def test_before_there_is_a_winner_the_best_trial_leads() -> None:
    study = planted()
    words = Page(document(study)).words
    assert f"Trial {study.account['best']['trial']} leads, with dev accuracy" in words
    assert "best dev accuracy" in words
    assert "so far" not in words  # it is finished
    assert "no test figure may be quoted" in words


def test_a_running_study_says_so() -> None:
    study = planted()
    study.account["status"] = "running"
    assert "it goes on" in Page(document(study)).words


def test_only_the_pages_own_scripts_and_styles_are_allowed(page) -> None:
    policy = page.policy()
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in json.dumps(policy)
    assert "connect-src" not in policy
    run = [text for attributes, text in page.scripts if "type" not in attributes]
    assert len(run) == 2
    assert set(policy["script-src"].split()) == {hash_of(text) for text in run}
    assert {hash_of(text) for text in page.styles} == set(policy["style-src"].split())
    assert not any(name.startswith("on") or name == "style" for _, a in page.tags for name in a)
    assert not any("src" in a and not a["src"].startswith("data:") for _, a in page.tags)


def test_plotly_is_there_once_and_every_plot_has_its_data(page) -> None:
    assert sum("plotly.js v" in text[:500] for _, text in page.scripts) == 1
    data = {a["id"]: json.loads(text) for a, text in page.scripts if "type" in a}
    plots = [a for _, a in page.tags if (a.get("class") or "") == "plot"]
    assert len(plots) > 10
    for plot in plots:
        assert plot["role"] == "img"
        assert plot["aria-label"]
        told = data[plot["id"].replace("plot-", "data-")]
        assert told["views"]


def test_a_page_has_landmarks_headings_and_a_way_past_the_links(page) -> None:
    names = [tag for tag, _ in page.tags]
    for landmark in ("header", "nav", "main", "footer"):
        assert names.count(landmark) == 1
    assert names.count("h1") == 1
    first = next(a for t, a in page.tags if t == "a")
    assert (first["class"], first["href"]) == ("skip", "#main")
    assert ("html", {"lang": "en"}) in page.tags
    for tag, attributes in page.tags:
        if tag == "th":
            assert attributes["scope"] in {"row", "col"}
        if tag == "img":
            assert attributes["alt"]


def test_a_study_that_has_hardly_begun_has_a_page() -> None:
    empty = planted(0)
    words = Page(document(empty)).words
    assert "No trial has a measurement yet." in words
    begun = planted(3)
    rows = [{**row, "best_epoch": None} for row in begun.account["trials"]]
    told = {**begun.account, "best": None, "trials": rows}
    bare = replace(begun, curves={}, attempts=[], account=told)
    assert "No trial has a measurement yet." in Page(document(bare)).words


def test_a_study_whose_trials_all_diverged_says_so() -> None:
    study = planted(3)
    for row in study.account["trials"]:
        row["state"] = "diverged"
    gone = replace(study, account={**study.account, "best": None})
    assert "Every trial diverged" in Page(document(gone)).words


def test_hostile_names_stay_text_everywhere() -> None:
    names = hostile()
    plain = Page(document(planted(8, hostile_space(["a", "b"]))))
    kinds = {tag for tag, _ in plain.tags}
    for begin in range(0, 300, 60):
        some = names[begin : begin + 60]
        page = Page(document(hostile_study(some)))
        assert {tag for tag, _ in page.tags} <= kinds | {"img", "code", "small", "ul", "b", "br"}
        assert len([a for a, _ in page.scripts if "type" not in a]) == 2
        assert not any(name.startswith("on") for _, a in page.tags for name in a)


def hostile_space(names: list[str]) -> SearchSpace:
    """Hyperparameters of these names, and one with them as its choices."""
    domains = {name: Float(0.0, 1.0) for name in names}
    return SearchSpace({**domains, "chosen": Choice(tuple(names))})


def hostile_study(names: list[str]):
    """Every place of a study where somebody's words may stand, with these."""
    diary = [
        {
            "panda": 0, "day": k + 1, "trial": k, "from": 0, "copied_from": None,
            "rolled_back": False, "first_epoch": 1, "last_epoch": 3, "changed": {name: [1, name]},
            "why": name, "train_loss": 0.1, "dev_loss": 0.1, "dev_accuracy": 0.5, "verdict": name,
        }
        for k, name in enumerate(names)
    ]  # fmt: skip
    card = card_of(names, dict.fromkeys(names, "x"), sentences=names[:9], intended_use=names[0])
    card["hardware"] = {name: name for name in names[:20]}
    study = planted(
        8, hostile_space(names), name=names[0], card=card, diary=diary, reason=names[1],
        data={"name": names[2], "class_names": names}, slice_name=names[3],
    )  # fmt: skip
    study.account["edges"] = [{"line": name} for name in names]
    study.account["ending"] = names[4]
    return study


def test_the_report_of_a_journal_is_written_whole(tmp_path) -> None:
    study = tmp_path / "study"
    journalled(study)
    write_winner(study, card_of(["a", "b"], {"units": 9}), (8, 8), 2)
    path = write_report(study)
    assert path == study / "report.html"
    text = path.read_text("utf-8")
    assert Page(text).words.count("taken for") >= 1
    assert len(text) < MOST_BYTES
    assert [p.name for p in study.iterdir() if p.name.startswith(".report")] == []


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(StudyError, match=r"folder: cannot be written: .*directory"):
        write_whole(target, b"x")
    with pytest.raises(StudyError, match="cannot be written: No such file or directory"):
        write_whole(tmp_path / "missing" / "report.html", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder"]


def test_a_torn_write_leaves_the_old_report(tmp_path, monkeypatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("caviar.report.page.writing.write_durably", fail)
    with pytest.raises(StudyError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_text() == "old"


def test_the_command_writes_the_report_and_the_pictures(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    study = tmp_path / "study"
    journalled(study)
    app = typer.Typer()
    cli_report.register(app)
    app.command("other")(lambda: None)
    output, pictures = tmp_path / "out.html", tmp_path / "pictures"
    command = ["report", str(study), "--output", str(output), "--png", str(pictures)]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0, found.output
    assert f"wrote {output}" in found.output
    made = sorted(p.name for p in pictures.iterdir())
    assert {"curves.png", "axis-0.png", "timeline.png", "box-0.png"} <= set(made)
    assert all((pictures / name).read_bytes().startswith(b"\x89PNG") for name in made)
    assert not (study / "report.html").exists()


def test_pictures_need_matplotlib_and_say_so(tmp_path, monkeypatch) -> None:
    from caviar.report.page.png import write_pictures

    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(StudyError, match="--png: needs matplotlib"):
        write_pictures(tmp_path, tmp_path / "pictures")


def test_curves_of_many_trials_stay_small() -> None:
    study = planted(400)
    long = {t: [replace(c[0], epoch=e + 1) for e in range(150)] for t, c in study.curves.items()}
    told = {**study.account, "trial_epochs": 400 * 150}
    text = document(replace(study, curves=long, account=told))
    assert "Thinned: " in text
    assert re.search(r"of 60,000 measured epochs are drawn", text)
    assert len(text.encode()) < MOST_BYTES


def test_the_space_of_the_tests_is_the_one_they_say() -> None:
    assert list(WHOLE.domains) == ["learning_rate", "beta_1", "units", "activation"]
    with pytest.raises(StudyError):
        evidence(__import__("pathlib").Path("nowhere"))


def test_a_winner_of_one_training_has_no_interval() -> None:
    card = card_of(["a", "b"], {"units": 9}, test=None, beats_baseline=None, difference=None)
    card["candidates"] = [{**card["candidates"][0], "low": None, "high": None}]
    words = Page(document(planted(card=card))).words
    assert "91.00 % dev accuracy, dev only" in words
    assert "over seeds)" not in words
    assert "not known" in words


def test_a_second_reading_of_the_test_set_shows() -> None:
    card = card_of(["a", "b"], {"units": 9})
    assert "not sealed any more" not in Page(document(planted(card=card))).words
    card["test"]["readings"] = 2
    assert "2 times not sealed any more" in Page(document(planted(card=card))).words


def test_a_curve_over_sizes_is_shown_where_it_was_trained(monkeypatch) -> None:
    points = [SizePoint(n, 0.01, 0.01 + 10 / n) for n in (100, 200, 400)]
    monkeypatch.setattr("caviar.report.size_curve.size_verdict", lambda _: sizes(points))
    text = document(planted())
    assert "Would more data pay?" in Page(text).words
    assert 'id="plot-sizes"' in text


def test_a_room_that_fails_costs_only_its_part(monkeypatch) -> None:
    def fail(_):
        raise ZeroDivisionError("<b>boom</b>")

    monkeypatch.setattr("caviar.report.checks.checks", fail)
    assert "This part failed: ZeroDivisionError: <b>boom</b>" in Page(document(planted())).words
