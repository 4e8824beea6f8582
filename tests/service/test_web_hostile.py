"""Status lines that are none of caviar's: any job may write what it likes into its log."""

import json

import pytest
from web_client import TOKEN, Client

from caviar.service.dashboard import Dashboard
from caviar.service.web.app import create_app
from caviar.service.web.cluster import Cluster
from caviar.service.web.glances import Glances

ODD = [
    '{"counts": 5}', '{"counts": {"running": "x"}}', '{"at": "yesterday"}', '{"rungs": 1}',
    '{"rungs": [[1, "<b>"]]}', '{"trial_epochs_per_s": NaN}', '{"best": [1]}', '{"planned": [1]}',
    '{"best": {"trial": 1, "epoch": 1, "dev_accuracy": Infinity, "hyperparameters": {}}}',
    '{"slices": 7}', '{"metric": 3}', '{"elapsed_s": "long"}', '{"ending": {"a": 1}}',
    '{"study": 3}', '{"dir": {"a": 1}}', '{"stage": []}',
    '{"best": {"trial": 1, "epoch": 1, "hyperparameters": 7}}', '{"trial_epochs": 1e400}',
    '{"at": 1e308}', '{"at": -1}', '{"elapsed_s": 1e308}',
]  # fmt: skip


@pytest.mark.parametrize("line", ODD)
def test_an_odd_status_line_spoils_no_other_study(fake, line) -> None:
    fake.add("caviar-odd-1", "odd")
    fake.add("caviar-sound-1", "sound")
    fake.logs["caviar-odd-1"] = f"caviar-status {line}\n"
    fake.logs["caviar-sound-1"] = 'caviar-status {"study": "sound", "trial_epochs": 7}\n'
    ask = Client(create_app(Cluster(Dashboard(fake.url)), TOKEN))
    answer = ask.get("/api/v1/studies")
    assert answer.status == 200
    told = {one["name"]: one for one in answer.json["studies"]}
    assert told["sound"]["trial_epochs"] == 7
    odd = json.loads(ask.get("/api/v1/studies/odd").body)
    assert (odd["study"], odd["counts"], odd["best"], odd["trials"]) == ("odd", {}, None, 0)
    assert odd["note"] == "caviar-odd-1: its status line is none of caviar's"


def test_a_defect_in_one_study_hides_no_other() -> None:
    class Odd:
        def names(self):
            return ["odd", "sound"]

        def status(self, name):
            return {"name": name, "at": {"sound": 1.0}[name]}

    odd, sound = Glances(Odd()).all()
    assert odd == {"name": "odd", "error": "a defect of caviar's: KeyError"}
    assert sound == {"name": "sound", "at": 1.0}
