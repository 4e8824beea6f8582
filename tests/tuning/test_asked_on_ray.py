"""A running study asked by other jobs, and scraped as Prometheus would."""

import json
import re
import subprocess
import sys
import urllib.request

import pytest
from drivers import drivers, until_measured
from grafana import asked, expressions
from waiting import wait_for

from caviar.report.account import account
from caviar.study.journal import Journal

# Patient, for a busy machine: Ray tells new figures every ten seconds, and forgets in twenty.
pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
STUDY = "asked"
SERIES = re.compile(r"^(ray_caviar_\w+)\{(.*)\} (\S+)$", re.MULTILINE)

ASKING = """
import json, sys
sys.modules["caviar"] = None  # as where nobody installed it
import ray
ray.init(sys.argv[1], namespace="another", logging_level="ERROR", log_to_driver=False)
broker = ray.get_actor("caviar:asked", namespace="caviar")
told = [ray.get(each) for each in (broker.status.remote(), broker.leaderboard.remote(n=3))]
told.append(ray.get(broker.curve.remote(trial=told[1][0]["trial"])))
try:
    ray.get(broker.curve.remote(trial=10**6))
except ValueError as error:
    told.append(str(error.cause))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def study(cluster, tmp_path_factory):
    """A study of stand-ins that would take very long; its driver, once trials were compared."""
    directory = tmp_path_factory.mktemp("asked") / "s"
    options = ("--name", STUDY, "--trials", "4000", "--epochs", "27")
    with drivers(cluster) as start:
        driver = start(directory, "slow", *options, "--resources", "max_slices = 2")
        until_measured(driver, directory, 40)
        yield directory, driver


def fetched(cluster, path):
    token = cluster.environment["RAY_AUTH_TOKEN"]
    request = urllib.request.Request(
        cluster.dashboard + path, headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def scraped(cluster):
    """By name and labels, every series of caviar's on every node, as Prometheus finds them."""
    found = {}
    for group in json.loads(fetched(cluster, "/api/prometheus/sd")):
        for target in group["targets"]:
            with urllib.request.urlopen(f"http://{target}/metrics", timeout=20) as answer:
                text = answer.read().decode()
            for name, labels, value in SERIES.findall(text):
                tags = dict(re.findall(r'(\w+)="([^"]*)"', labels))
                if tags["study"] == STUDY:
                    found[name, frozenset(tags.items())] = float(value)
    return found


def test_another_job_without_caviar_asks(cluster, study):
    directory, _ = study
    done = subprocess.run(
        [sys.executable, "-c", ASKING, cluster.address],
        env=cluster.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    status, leaders, curve, refusal = json.loads(done.stdout.splitlines()[-1])
    assert (status["study"], status["finished"], status["trouble"]) == (STUDY, False, "")
    assert status["best"]["trial"] == leaders[0]["trial"]
    assert len(leaders) == 3
    assert [row["epoch"] for row in curve] == list(range(1, len(curve) + 1))
    assert len(curve) >= leaders[0]["epochs"]
    assert re.fullmatch(r"curve: trial 1000000: the study has trials 0 to \d+", refusal)
    with Journal.open(directory) as journal:
        trials = {row["trial"]: row for row in account(journal)["trials"]}
    for row in leaders:
        assert row["hyperparameters"] == trials[row["trial"]]["hyperparameters"]


def test_the_actors_are_named_and_their_logs_say_what_they_are_at(cluster, study):
    def actors():
        path = "/api/v0/actors?detail=1&filter_keys=state&filter_predicates=%3D&filter_values=ALIVE"
        found = json.loads(fetched(cluster, path))["data"]["result"]["result"]
        return {each["repr_name"]: each for each in found}

    slices = {f"{STUDY}:slice-0", f"{STUDY}:slice-1"}
    names = wait_for(lambda: (found := actors()).keys() >= slices and found)
    broker = names[f"caviar:{STUDY}"]
    assert (broker["class_name"], broker["name"]) == ("BrokerActor", f"caviar:{STUDY}")
    actor = names[f"{STUDY}:slice-0"]["actor_id"]
    log = fetched(cluster, f"/api/v0/logs/file?actor_id={actor}&suffix=err&lines=1000")
    line = rf"{STUDY}:slice-0: \d+ lanes?, epochs \d+-\d+: trials? [\d, .]+"
    assert re.search(line, log), log


def test_every_query_of_grafana_finds_its_series(cluster, study):
    directory, driver = study
    names = {name for expression in expressions() for name in asked(expression)[0]}
    found = wait_for(lambda: _if_all(scraped(cluster), names), timeout=120)
    for expression in expressions():
        metrics, labels = asked(expression)
        for name in metrics:
            mine = [dict(tags) for series, tags in found if series == name]
            told = set.union(*map(set, mine))
            beside = labels if len(metrics) == 1 else labels & {"study"}
            assert beside <= told, expression
    assert len(found) < 50
    states = {
        dict(tags)["state"]: value
        for (name, tags), value in found.items()
        if name == "ray_caviar_trials"
    }
    assert len(states) == 7
    # Ray may read the gauges while they are being set.
    assert sum(states.values()) == pytest.approx(4000, abs=200)
    (planned,) = (v for (name, _), v in found.items() if name == "ray_caviar_slices_planned")
    assert planned == 2
    (size,) = (v for (name, _), v in found.items() if name == "ray_caviar_journal_bytes")
    assert 0 < size <= 2 * sum(file.stat().st_size for file in directory.glob("journal.sqlite3*"))
    # A driver that is killed tells nobody: its series must go all the same.
    driver.kill()
    driver.wait()
    wait_for(lambda: not scraped(cluster), timeout=120)


def _if_all(found, names):
    return found if {name for name, _ in found} >= names else None
