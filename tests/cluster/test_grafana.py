"""Grafana's dashboard, and Prometheus' configuration, as files."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from grafana import asked, board, expressions

from caviar.tuning.metrics import GAUGES

CLUSTER = Path(__file__).parents[2] / "cluster"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def test_a_query_is_read_rightly():
    query = (
        'sum by (study) (max by (study, state) (ray_caviar_trials{study=~"$study", state="a=b"}))'
    )
    assert asked(query) == ({"ray_caviar_trials"}, {"study", "state"})
    assert asked("label_values(ray_caviar_trials, study)") == ({"ray_caviar_trials"}, {"study"})


def test_every_panel_has_its_own_number_and_place():
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = set()
    for panel in panels:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert not places & cells, panel["title"]
        places |= cells


def test_the_source_of_data_and_the_study_are_chosen():
    found = board()
    source, study = found["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert (study["name"], study["multi"], study["includeAll"]) == ("study", True, True)
    assert study["datasource"] == SOURCE
    for panel in found["panels"]:
        assert panel["datasource"] == SOURCE
        assert all(target["datasource"] == SOURCE for target in panel["targets"])
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        assert panel["description"]


def test_what_grafana_needs_to_read_it():
    found = board()
    assert found["schemaVersion"] >= 36
    assert found["uid"] == "caviar"
    assert "id" not in found  # Grafana's own


def test_every_query_is_of_caviars_metrics_and_of_all_of_them():
    labels = {f"ray_{gauge.name}": {"study", gauge.label} - {""} for gauge in GAUGES}
    used = set()
    for expression in expressions():
        metrics, named = asked(expression)
        assert metrics
        assert metrics <= set(labels), expression
        assert named <= set.union(*(labels[name] for name in metrics)), expression
        used |= metrics
    assert used == set(labels)


def test_every_panel_keeps_to_the_chosen_study():
    for panel in board()["panels"]:
        for target in panel["targets"]:
            metrics, _ = asked(target["expr"])
            assert target["expr"].count('study=~"$study"') >= len(metrics)


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-kubernetes.yml"])
def test_prometheus_is_told_where_rays_metrics_are(name):
    (job,) = yaml.safe_load((CLUSTER / name).read_text("utf-8"))["scrape_configs"]
    assert job["job_name"] == "ray"


def test_the_token_comes_from_a_file():
    (job,) = yaml.safe_load((CLUSTER / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    (found,) = job["http_sd_configs"]
    assert found["url"].endswith("/api/prometheus/sd")
    assert found["authorization"] == {"type": "Bearer", "credentials_file": "ray-token"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool (Debian: prometheus)")
def test_prometheus_itself_reads_it():
    done = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", str(CLUSTER / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
