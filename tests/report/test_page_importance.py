"""The figure of what mattered."""

from caviar.report.page.importance_plot import importance_plot


def weight(name, tier, share, ped):
    low, high = (None, None) if share is None else (share / 2, min(1.0, 2 * share))
    shares = {"share": share, "low": low, "high": high, "ped_anova": ped}
    return {"name": name, "tier": tier, "trials": 20, "clear": True, "rank": None} | shares


def test_importance_shows_both_measures_beside_the_lectures_tiers() -> None:
    rung = {
        "epoch": 3, "trials": 20, "interactions": (),
        "weights": [weight("rate", 1, 0.4, 0.1), weight("units", 2, 0.2, None),
                    weight("l2", 4, None, 0.9)],
    }  # fmt: skip
    told = {"metric": "dev_loss", "rungs": [rung, {**rung, "epoch": 9, "trials": 30}]}
    figure = importance_plot(told)
    assert [view.label for view in figure.views] == [
        "after 9 epochs (30 trials)",
        "after 3 epochs (20 trials)",
    ]
    fanova, ped = figure.views[0].data
    assert (fanova["name"], fanova["x"]) == ("fANOVA", [40.0, 20.0])
    assert (ped["name"], ped["x"], ped["y"]) == ("PED-ANOVA", [10.0], [0])
    assert figure.views[0].layout["yaxis"]["ticktext"] == ["rate (1)", "units (2)"]
    assert "Compared by dev loss at the rung chosen above" in figure.caption
    assert "only the promoted" in figure.caption
    rows = str(figure.table)
    assert "l2" in rows
    assert "90 %" in rows
    assert rows.count("<caption>Importance after") == 2
