"""The plots' data: what is drawn is what was measured, in words that Plotly knows."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from page_studies import ANY, RUNGS, WHOLE, card_of, journalled, lucky, planted, write_winner

from caviar.report.evidence import evidence
from caviar.report.page.axis_plots import axis_plots
from caviar.report.page.boxes import boxes
from caviar.report.page.confusion import confusion_part, read_dev, worst_part
from caviar.report.page.curves_plot import MOST_POINTS, learning_curves
from caviar.report.page.headline import headline
from caviar.report.page.images import image_of, png
from caviar.report.page.isolation import isolation_plots
from caviar.report.page.palette import DARK, LIGHT, coloured, of_order
from caviar.report.page.parallel import parallel_coordinates
from caviar.report.page.scores import Scores
from caviar.report.page.sections import figures_of
from caviar.report.page.timeline import MOST_BARS, timeline
from caviar.report.page.work import clock
from caviar.space.domain import Float
from caviar.space.scale import LOG
from caviar.space.search_space import SearchSpace
from caviar.study.facts import Attempt, Event, Outcome
from caviar.study.finals import RETRAINING, SIZES, Candidate, Finals, event_of
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Trial


@pytest.fixture(scope="module")
def scores() -> Scores:
    return Scores(planted())


def points(view):
    """By trial, what is drawn of it."""
    found = {}
    for trace in view.data:
        for x, y, told in zip(trace["x"], trace["y"], trace["customdata"], strict=True):
            if told is not None:
                found.setdefault(told, []).append((x, y))
    return found


def test_plotly_takes_every_figure_in_both_themes(scores) -> None:
    figures = figures_of(scores)
    assert len(figures) >= 2 * len(WHOLE.domains) + 3
    for figure in figures:
        for view in figure.views:
            for theme in (LIGHT, DARK):
                made = go.Figure({"data": coloured(list(view.data), theme),
                                  "layout": coloured(view.layout, theme)})  # fmt: skip
                assert "@" not in made.to_json()


def test_colours_are_put_in_only_where_colours_stand() -> None:
    data = {"text": "@bad", "customdata": ["@bad"], "marker": {"color": ["@bad", "@name"]}}
    assert coloured(data, LIGHT) == {
        "text": "@bad", "customdata": ["@bad"], "marker": {"color": [LIGHT["bad"], "@name"]},
    }  # fmt: skip
    assert set(LIGHT) == set(DARK)
    assert [of_order(k, 5) for k in (0, 4)] == ["@s0", "@s5"]


def test_every_measured_epoch_of_every_trial_is_drawn(scores) -> None:
    figure = learning_curves(scores)
    for name in ("dev accuracy", "train loss"):
        view = next(v for v in figure.views if v.label == name)
        drawn = points(view)
        for trial, curve in scores.evidence.curves.items():
            wanted = {m.epoch: getattr(m, name.replace(" ", "_")) for m in curve}
            for epoch, value in drawn.get(trial, []):
                if value is not None:
                    assert value == pytest.approx(wanted[epoch], rel=1e-3)
            sound = {epoch for epoch, value in wanted.items() if np.isfinite(value)}
            assert {e for e, v in drawn.get(trial, []) if v is not None} == sound
    assert "Thinned" not in figure.caption


def test_thinned_curves_keep_both_ends_and_the_best_and_say_so(monkeypatch, scores) -> None:
    monkeypatch.setattr("caviar.report.page.curves_plot.MOST_POINTS", 90)
    figure = learning_curves(scores)
    drawn = points(figure.views[0])
    total = sum(map(len, scores.evidence.curves.values()))
    kept = 0
    for trial, curve in scores.evidence.curves.items():
        epochs = {epoch for epoch, _ in drawn[trial]}
        best = scores.evidence.bests.get(trial)
        assert {curve[0].epoch, curve[-1].epoch} <= epochs
        assert best is None or best.epoch in epochs
        kept += len(epochs)
    assert kept < total
    assert f"{kept:,} of {total:,} measured epochs are drawn" in figure.caption
    assert total < MOST_POINTS


def test_axis_plots_mark_every_diverged_trial(scores) -> None:
    for figure in axis_plots(scores):
        crosses = [t for t in figure.views[0].data if t["marker"].get("symbol") == "x-thin-open"]
        assert [told for trace in crosses for told in trace["customdata"]] == sorted(scores.lost)
        dots = {told for t in figure.views[0].data if t not in crosses for told in t["customdata"]}
        assert dots == set(scores.best)
        assert not dots & scores.lost


def test_axis_plots_compare_at_a_rung_what_got_there(scores) -> None:
    labels = [label for label, _ in scores.views()]
    assert labels[0] == "best of each"
    at_three = dict(scores.views())["after 3 epochs"]
    assert all(len(scores.evidence.curves[t]) >= 3 for t in at_three)
    assert set(at_three) == {
        t for t, c in scores.evidence.curves.items() if len(c) >= 3 and not c[2].diverged
    }


def stretches(figure):
    """Of a figure of stretches: place, drawn value, and what it says."""
    traces = [t for t in figure.views[0].data if t["mode"] == "markers"]
    return [
        found for t in traces for found in zip(t["x"], t["y"], t["customdata"], strict=True)
    ]  # fmt: skip


def test_isolation_shows_the_best_of_each_stretch(scores) -> None:
    for axis, figure in zip(scores.axes, isolation_plots(scores), strict=True):
        counts = {n["x"]: int(n["text"]) for n in figure.views[0].layout["annotations"]}
        assert sum(counts.values()) == len(scores.evidence.trials)
        middles = sorted(counts)
        half = min(np.diff(middles)) / 2
        low, high = figure.views[0].layout["yaxis"]["range"]
        for x, y, told in stretches(figure):
            inside = [t for t in scores.evidence.trials if abs(axis.place(t) - x) <= half]
            assert len(inside) == counts[x]
            best = max(scores.best[t.index] for t in inside if t.index in scores.best)
            assert f"{100 * best:.2f} %" in told
            assert f"the best of {len(inside)} trials" in told
            assert low <= y <= high
            assert y == pytest.approx(best, abs=2e-4) or best < y


def test_stretches_share_one_scale_so_that_what_does_not_matter_is_flat() -> None:
    scores = Scores(planted(300))
    figures = dict(zip(WHOLE.domains, isolation_plots(scores), strict=True))
    ranges = [f.views[0].layout["yaxis"]["range"] for f in figures.values()]
    assert all(one == ranges[0] for one in ranges)
    spread = {n: np.ptp([y for _, y, _ in stretches(f)]) for n, f in figures.items()}
    # Only the first axis decides in a planted study.
    assert spread.pop("learning_rate") > 0.5 * (ranges[0][1] - ranges[0][0])
    assert max(spread.values()) < 0.3 * (ranges[0][1] - ranges[0][0])


def test_luck_does_not_fill_a_plot_of_stretches(scores) -> None:
    even = {t: [replace(m, dev_accuracy=0.9 + t / 1e5) for m in c] for t, c in
            scores.evidence.curves.items()}  # fmt: skip
    for figure in isolation_plots(Scores(replace(scores.evidence, curves=even))):
        low, high = figure.views[0].layout["yaxis"]["range"]
        assert np.ptp([y for _, y, _ in stretches(figure)]) < 0.05 * (high - low)


def test_a_stretch_that_learnt_nothing_does_not_flatten_the_others(scores) -> None:
    poor = {t.index for t in scores.evidence.trials if scores.axes[0].place(t) < 1 / 7}
    curves = {
        t: [replace(m, dev_accuracy=-100.0) for m in c] if t in poor else c
        for t, c in scores.evidence.curves.items()
    }
    figure = isolation_plots(Scores(replace(scores.evidence, curves=curves)))[0]
    marked = [t for t in figure.views[0].data if t["mode"] == "markers"]
    beyond = [t for t in marked if t["marker"]["symbol"] == "triangle-down"]
    low, high = figure.views[0].layout["yaxis"]["range"]
    assert high - low < 3
    assert beyond
    assert "-10000.00 %" in beyond[0]["customdata"][0]


def test_parallel_coordinates_draw_the_best_on_top(scores) -> None:
    figure = parallel_coordinates(scores)
    assert figure is not None
    best = max(scores.best, key=lambda t: scores.best[t])
    assert best in figure.views[0].data[-1]["customdata"]
    drawn = {t for trace in figure.views[0].data for t in trace["customdata"] if t is not None}
    assert drawn == set(scores.best) | scores.lost


def test_a_loss_is_better_when_lower() -> None:
    found = Scores(planted(metric="dev_loss", lower_is_better=True))
    for trial, value in found.best.items():
        curve = found.evidence.curves[trial]
        assert value == min(m.dev_loss for m in curve)
    told = [told for _, _, told in stretches(isolation_plots(found)[0])]
    assert any(f"{min(found.best.values()):.4f}" in one for one in told)


def test_the_clock_cuts_out_the_time_between_drivers(scores) -> None:
    def attempt(number, at, until):
        done = None if until is None else Outcome.COMPLETE
        return Attempt(number, 1, "s-0", at, until, done, None, 1)

    events = [
        Event(0, 100.0, "driver_started", {}),
        Event(1, 120.0, "driver_stopped", {}),
        Event(2, 9000.0, "driver_resumed", {}),
    ]
    works = [attempt(1, 105.0, 115.0), attempt(2, 9001.0, None)]
    last = Attempt(3, 1, "s-1", 9002.0, 9010.0, Outcome.FAILED, "boom", 0)
    found = clock(replace(scores.evidence, attempts=[*works, last], events=events))
    assert found.length == pytest.approx(30.0)
    assert [(w.start, w.end) for w in found.works] == [(5.0, 15.0), (21.0, 30.0), (22.0, 30.0)]
    assert found.busy == pytest.approx(27 / 60)
    figure = timeline(found)
    assert figure is not None
    assert {t["name"] for t in figure.views[0].data} == {"search", "failed", "running", "idle"}
    assert "dotted line" in str(figure.caption)


def test_idle_time_is_drawn_and_told(scores) -> None:
    def attempt(number, name, at, until):
        return Attempt(number, 1, name, at, until, Outcome.COMPLETE, None, 1)

    events = [Event(0, 100.0, "driver_started", {}), Event(1, 120.0, "driver_stopped", {})]
    works = [attempt(1, "s-0", 105.0, 115.0), attempt(2, "s-1", 104.0, 110.0)]
    works += [attempt(3, "s-1", 112.0, 120.0), attempt(4, "s-0", 108.0, 110.0)]
    found = clock(replace(scores.evidence, attempts=works, events=events))
    assert [(g.slice_name, g.start, g.end, g.first) for g in found.gaps] == [
        ("s-0", 0.0, 5.0, True), ("s-0", 15.0, 20.0, False),
        ("s-1", 0.0, 4.0, True), ("s-1", 10.0, 12.0, False),
    ]  # fmt: skip
    figure = timeline(found)
    assert figure is not None
    told = str(figure.caption)
    assert "40 % of what 2 slices had in 20 s" in told
    assert "9 s of it before a slice's first assignment" in told
    assert "7 s between assignments and after the last" in told
    idle = next(t for t in figure.views[0].data if t["name"] == "idle")
    assert sum(idle["x"]) == pytest.approx(16.0)
    assert idle["width"] < 0.2


def test_an_attempt_tells_whom_it_trained(scores) -> None:
    trials = scores.evidence.trials
    ways = {1: Assignment((4,), 0, 1, ANY), 2: Assignment((4, 5), 1, 3, ANY),
            3: Assignment(tuple(range(20)), 0, 1, ANY)}  # fmt: skip
    works = [
        Attempt(k, 1, "s-0", 1000.0 + k, 1000.5 + k, Outcome.COMPLETE, None, 1) for k in range(1, 5)
    ]
    found = clock(replace(scores.evidence, attempts=works, assignments=ways))
    one, two, many, unknown = (work.who.splitlines() for work in found.works)
    assert one[0] == "epoch 1 of trial 4"
    assert one[1] == f"learning_rate: {trials[4].hyperparameters['learning_rate']:.4g}"
    assert two[0] == "epochs 2 to 3 of trials 4, 5"
    assert two[2].startswith("5: learning_rate: ")
    assert many[0].endswith("8, 9, 10 and 9 more")
    rates = sorted(t.hyperparameters["learning_rate"] for t in trials[:20])
    assert many[1] == f"learning_rate: {rates[0]:.4g} to {rates[-1]:.4g}"
    assert unknown == []
    figure = timeline(found)
    assert figure is not None
    assert "epoch 1 of trial 4\n" in str(figure.views[0].data[1]["customdata"][0])


def test_finals_are_told_by_candidate_and_kind(tmp_path) -> None:
    study = journalled(tmp_path / "study")
    candidates = (Candidate("trial 2", {"learning_rate": 0.5}), Candidate("baseline", {}))
    with Journal.open(tmp_path / "study", write=True) as journal:
        journal.acquire_lease()
        for kind in (RETRAINING, SIZES):
            finals = Finals(1, 3, 2, candidates, kind)
            journal.record(event_of(kind), finals.to_json())
            folder = finals.folder(tmp_path / "study")
            with Journal.create(folder, journal.spec_json, journal.fingerprint) as child:
                child.acquire_lease()
                trials = [Trial(k, (), candidates[k // 2].hyperparameters) for k in range(4)]
                work = child.issue(Assignment((0, 1, 2), 0, 3, ANY), decisions=trials)
                child.start_attempt(work, "study:slice-0")
                child.release_lease()
        journal.release_lease()
    found = clock(evidence(study.directory))
    assert [work.kind for work in found.works] == ["search", RETRAINING, SIZES]
    told = [work.who for work in found.works]
    assert told[1] == "epochs 1 to 3 of trial 2, seed 1; trial 2, seed 2; baseline, seed 1"
    assert told[2].startswith("epochs 1 to 3 of trial 2 on 100 % of the data")


def test_many_attempts_are_merged_and_that_is_said(scores) -> None:
    count = MOST_BARS + 500
    works = [
        Attempt(k, 1, "s-0", 1000.0 + k, 1000.999 + k, Outcome.COMPLETE, None, 1)
        for k in range(count)
    ]
    figure = timeline(clock(replace(scores.evidence, attempts=works)))
    assert figure is not None
    assert sum(len(t["x"]) for t in figure.views[0].data) < MOST_BARS
    assert f"Thinned: {count:,} attempts" in str(figure.caption)


def test_a_round_is_drawn_as_its_box(tmp_path) -> None:
    found = Scores(journalled(tmp_path / "study"))
    figures = boxes(found)
    assert len(figures) == len(found.axes)
    for figure in figures:
        bars = figure.views[0].data[0]
        assert bars["base"] == [0.2]
        assert bars["y"] == [pytest.approx(0.6)]
        told = {t for trace in figure.views[0].data[1:] for t in trace["customdata"]}
        assert told == set(range(len(found.evidence.trials)))


def test_a_png_is_what_it_was_made_of() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = png(pixels)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (4, 3)
    start = data.index(b"IDAT") + 4
    size = struct.unpack(">I", data[start - 8 : start - 4])[0]
    rows = np.frombuffer(zlib.decompress(data[start : start + size]), np.uint8).reshape(3, 5)
    assert not rows[:, 0].any()
    np.testing.assert_array_equal(rows[:, 1:], pixels)


@pytest.mark.parametrize(
    ("shape", "is_image"),
    [((8, 8), True), ((8, 8, 1), True), ((16, 12, 3), True), ((64,), False), ((2, 8), False),
     ((8, 8, 2), False), ((4, 4, 4, 3), False)],
)  # fmt: skip
def test_only_what_looks_like_a_picture_is_drawn(shape, is_image) -> None:
    found = image_of(np.ones(shape))
    assert (found is not None) == is_image
    assert found is None or found.startswith("data:image/png;base64,")


def test_the_worst_examples_are_pictures_or_values(tmp_path) -> None:
    names = ["zero", "one", "two"]
    for folder, shape in (("pictures", (8, 8)), ("values", (11,))):
        study = planted(directory=tmp_path / folder, data={"class_names": names})
        write_winner(tmp_path / folder, card_of(names, {}), shape, 3)
        part = worst_part(study)
        assert part is not None
        assert part.count("<li>") == 5
        assert part.count("<img") == (5 if shape == (8, 8) else 0)
        assert part.count("<code>") == (0 if shape == (8, 8) else 5)


def test_a_damaged_dev_file_costs_only_its_section(tmp_path) -> None:
    (tmp_path / "winner").mkdir()
    (tmp_path / "winner" / "dev.npz").write_bytes(b"PK\x03\x04 torn")
    assert read_dev(tmp_path) is None
    assert worst_part(planted(directory=tmp_path)) is None


def test_confusion_counts_rows_as_true_classes() -> None:
    names = ["cat", "dog", "eel"]
    card = card_of(names, {})
    card["dev"]["confusion"] = [[8, 2, 0], [0, 9, 0], [1, 0, 5]]
    part = confusion_part(planted(card=card, data={"class_names": names}))
    assert part is not None
    assert "22 of 25 dev examples" in part
    assert "cat → dog" in part
    assert "eel → cat" in part
    assert "dog → cat" not in part


def test_an_evidence_with_one_axis_has_no_parallel_coordinates() -> None:
    found = Scores(planted(space=SearchSpace({"rate": Float(1e-4, 1.0, LOG)})))
    assert parallel_coordinates(found) is None
    assert found.steps == RUNGS


def test_the_best_of_a_trial_is_the_best_where_a_checkpoint_is(scores) -> None:
    assert set(scores.best) == set(scores.evidence.curves) - scores.lost
    for trial, value in scores.best.items():
        kept = [m for m in scores.evidence.curves[trial] if m.epoch in RUNGS]
        assert value == max(m.dev_accuracy for m in kept)


def test_a_lucky_epoch_between_two_rungs_is_nobodys_best(tmp_path) -> None:
    found = Scores(lucky(tmp_path / "study"))
    account = found.evidence.account
    assert (account["best"]["trial"], account["best"]["epoch"]) == (1, 3)
    assert dict(found.best) == {0: 0.7, 1: 0.8}
    assert [row["best_epoch"] for row in account["trials"]] == [1, 3]
    assert f"{100 * 0.8:.2f} %" in headline(found)
    assert "99.00 %" not in headline(found)
