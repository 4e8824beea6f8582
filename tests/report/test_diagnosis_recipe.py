"""The recipe: its order, and that every patch is one that the study file takes."""

import tomllib

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from study_files import study_tables

from caviar.report.case import Case
from caviar.report.curves import Shape
from caviar.report.patches import Patch, patch, written
from caviar.report.recipe import recipe
from caviar.study.spec import StudySpec

CAUSES = ("bias", "variance")
DIGITS = {"name": "digits", "train": 1079, "dev": 359, "test": 359}


def case(text="", where=0.5, **more):
    """A study and the trial in this place of its space."""
    spec = StudySpec.parse(text)
    point = np.full(len(spec.space.names), where)
    return Case(spec, dict(spec.space.decode(point)), **{"data": DIGITS} | more)


def steps(text="", cause="variance", **more):
    """By title, the tables of the patch."""
    found = recipe(case(text, **more), [cause])
    assert not any(step.refused for step in found)
    return {step.title: tomllib.loads(step.patch) for step in found}


def test_the_order_is_the_lectures():
    found = recipe(case(shapes=frozenset([Shape.OVERFITTING])), CAUSES)
    assert [(step.against, step.title) for step in found] == [
        ("bias", "a bigger network"),
        ("bias", "train longer"),
        ("bias", "a better optimiser or learning rate"),
        ("bias", "another architecture"),
        ("variance", "more data"),
        ("variance", "a penalty on weights"),
        ("variance", "dropout"),
        ("variance", "augmentation"),
        ("variance", "early stopping"),
        ("variance", "a smaller or another architecture"),
    ]
    assert {step.against for step in recipe(case(), ["bias"])} == {"bias"}
    assert recipe(case(), CAUSES[::-1])[0].against == "variance"
    assert recipe(case(), []) == ()


def test_a_bigger_network_is_bigger_than_the_trial():
    assert steps(cause="bias")["a bigger network"] == {
        "network": {
            "layers": {"low": 3, "high": 5},
            "units": {"low": 75, "high": 200, "scale": "log"},
        }
    }
    listed = steps("[network]\nunits = [64, 32]", cause="bias")["a bigger network"]
    assert listed == {"network": {"units": [128, 128]}}
    softmax = steps("[network]\nlayers = 0", cause="bias")
    assert softmax["a bigger network"]["network"]["layers"] == {"low": 1, "high": 3}
    assert "another architecture" not in softmax


def test_bounds_that_may_grow_count_as_the_file_gives_them():
    text = "[network]\nunits = { low = 20, high = 40, expand = true }"
    assert steps(text, "bias")["a bigger network"]["network"]["units"]["high"] == 80


def test_longer_training_says_whether_train_loss_still_fell():
    told = [recipe(case(train_falls=falls), ["bias"])[1] for falls in (True, False, None)]
    assert "too few to tell" in told[2].why
    assert told[0].why == "train loss was still falling at the end"
    assert "expect little of this alone" in told[1].why
    assert tomllib.loads(told[0].patch) == {"search": {"max_epochs": 81}}
    raised = steps('[search]\nstrategy = "panda"\n[network]\nunits = 9', cause="bias")
    assert raised["train longer"] == {"panda": {"days": 40}}


def test_a_trial_that_was_not_promoted_is_not_told_to_lengthen_the_study():
    step = recipe(case(epochs=9, train_falls=True, train_longer="caviar run"), ["bias"])[1]
    assert step.why == (
        "it was trained for 9 of 27 epochs; train loss was still falling at the end"
    )
    assert (step.patch, step.command) == ("", "")
    whole = recipe(case(epochs=27, train_falls=True, train_longer="caviar run"), ["bias"])[1]
    assert (tomllib.loads(whole.patch), whole.command) == (
        {"search": {"max_epochs": 81}},
        "caviar run",
    )


def test_what_breaks_down_needs_shorter_steps_first():
    found = recipe(case(shapes=frozenset([Shape.EXPLODED])), ["bias"])
    assert [step.title for step in found[:2]] == [
        "a better optimiser or learning rate",
        "a bigger network",
    ]
    assert "train longer" not in {step.title for step in found}
    rate = tomllib.loads(found[0].patch)["training"]["learning_rate"]
    assert rate == {"low": 0.0001, "high": 0.00333, "scale": "log"}


def test_a_trial_far_off_is_sent_to_the_best_ones_learning_rate():
    assert rates(best_rate=0.3)["learning_rate"] == {"low": 0.06, "high": 1.0, "scale": "log"}
    assert rates(best_rate=0.02) == rates()


def rates(**more):
    return steps(cause="bias", **more)["a better optimiser or learning rate"]["training"]


def test_learning_rates_follow_the_curve_and_the_bounds():
    assert rates()["learning_rate"] == {"low": 0.002, "high": 0.05, "scale": "log"}
    unsteady = rates(shapes=frozenset([Shape.UNSTABLE]))
    assert unsteady["learning_rate"] == {"low": 0.000333, "high": 0.01, "scale": "log"}
    edge = rates(edges={"learning_rate": "upper"})["learning_rate"]
    assert edge == {"low": 1e-4, "high": 1.0, "scale": "log", "expand": True}
    fixed = rates(text="[training]\nlearning_rate = 0.02")["learning_rate"]
    assert fixed == {"low": 0.002, "high": 0.2, "scale": "log"}


def test_adam_is_tried_beside_what_there_was():
    text = '[training]\noptimizer = "sgd"\nschedule = "cosine"'
    assert rates(text=text)["optimizer"] == {"choices": ["sgd", "adam"]}
    assert "schedule" not in rates(text=text)
    assert "optimizer" not in rates(text='[training]\noptimizer = "adamw"')


def test_what_holds_the_network_back_is_relaxed():
    text = "[network]\nlayers = 2\n[regularization]\nl2 = 0.4\nkeep_prob = [0.5, 0.8]"
    assert steps(text, "bias")["less regularisation"] == {
        "regularization": {
            "l2": {"low": 0.1, "high": 0.4},
            "keep_prob": {"low": 0.8, "high": 1.0},
        }
    }
    assert "less regularisation" not in steps(cause="bias")


@pytest.mark.parametrize(
    ("text", "data", "patched"),
    [
        ("fractions = { train = 0.1, dev = 0.7, test = 0.2 }", {}, (0.6, 0.2, 0.2)),
        ("fractions = { train = 0.1, dev = 0.9 }", {}, (0.75, 0.25, 0.0)),
        ("", {"train": 6000, "dev": 2000}, (0.7, 0.1, 0.2)),
        ("", {"train": 600, "dev": 200}, None),  # no dev examples to spare
        ("", {"train": 9800, "dev": 1000}, None),
        ("", {}, None),
    ],
)
def test_more_data_where_the_cut_leaves_some(text, data, patched):
    found = steps(f"[data]\n{text}", data=data)["more data"]
    if patched is None:
        assert found == {}
    else:
        cut = StudySpec.parse(tomli_w.dumps(found)).data.fractions
        assert cut == pytest.approx(patched)


def test_regularisers_begin_where_the_trial_is():
    found = steps("[regularization]\nl2 = 1e-3\nkeep_prob = 0.8")
    assert found["a penalty on weights"] == {
        "regularization": {"l2": {"low": 1e-3, "high": 0.1, "scale": "log"}}
    }
    assert found["dropout"] == {"regularization": {"keep_prob": {"low": 0.4, "high": 0.8}}}
    searched = "[regularization]\nkeep_prob = { low = 0.5, high = 1.0 }"
    lower = steps(searched, where=0.9)["dropout"]["regularization"]["keep_prob"]
    assert lower == {"low": 0.475, "high": 0.95}  # what is searched already is no advice
    decayed = steps('[training]\noptimizer = "adamw"')["a penalty on weights"]
    assert decayed["regularization"]["weight_decay"]["low"] == 0.01
    assert "dropout" not in steps("[network]\nlayers = 0")


@pytest.mark.parametrize(
    ("text", "data", "keys"),
    [
        ('name = "digits"', {}, {"shift", "rotation", "zoom"}),
        ('name = "mnist:3.0.1"', {}, {"shift", "rotation", "zoom"}),
        ('name = "wine"', {}, {"noise"}),
        ('path = "a.csv"', {}, {"noise"}),
        ('path = "pictures"', {"image_shape": [8, 8, 3]}, {"shift", "rotation", "zoom"}),
        ('path = "a.npz"', {"image_shape": None}, {"noise"}),
        ('name = "unheard_of"', {}, {"shift", "rotation", "zoom"}),
    ],
)
def test_augmentation_fits_the_data(text, data, keys):
    found = recipe(case(f"[data]\n{text}", data=data), ["variance"])
    (step,) = (step for step in found if step.title == "augmentation")
    assert tomllib.loads(step.patch)["augmentation"].keys() == keys
    assert step.why.startswith("if the examples are images") == ("unheard_of" in text)


def test_where_a_list_told_the_depth_a_patch_tells_it():
    found = steps("[network]\nunits = [64]")["a smaller or another architecture"]
    units = {"low": 8, "high": 64, "scale": "log"}
    assert found == {"network": {"layers": 1, "units": units}}


def test_early_stopping_only_where_dev_loss_turned_up():
    assert "early stopping" not in steps()
    turned = {"shapes": frozenset([Shape.OVERFITTING])}
    assert steps(**turned)["early stopping"] == {"training": {"patience": 5}}
    assert "early stopping" not in steps("[training]\npatience = 3", **turned)
    assert "early stopping" not in steps('[search]\nstrategy = "panda"', **turned)


def test_conditions_are_kept():
    text = """
    [training]
    optimizer = { choices = ["sgd", "adam"] }
    [regularization]
    l2 = { value = 0.01, when = { optimizer = "sgd" } }
    """
    found = steps(text, where=0.1)["a penalty on weights"]["regularization"]["l2"]
    assert found == {"low": 0.01, "high": 1.0, "scale": "log", "when": {"optimizer": "sgd"}}


def test_a_patch_that_does_not_fit_is_not_offered():
    text = "[search]\npoints = [{ learning_rate = 0.9, units = 50 }]"
    found = {step.title: step for step in recipe(case(text), ["bias"])}
    bigger = found["a bigger network"]
    assert bigger.patch == ""
    assert bigger.refused.startswith("with this patch: search.points: row 1: units must be ")
    assert found["train longer"].patch


def test_the_first_change_that_fits_is_offered():
    spec = StudySpec.parse("")
    wrong, right = {"network.layers": -1}, {"network.layers": 3}
    assert patch(spec, wrong, right).toml == "[network]\nlayers = 3"
    assert patch(spec, wrong).refused == "with this patch: network.layers: must be >= 0, got -1"


def test_a_change_that_changes_nothing_is_passed_over():
    spec = StudySpec.parse("[network]\nlayers = 2")
    same, other = {"network.layers": 2}, {"network.layers": 3}
    assert patch(spec, same, other).toml == "[network]\nlayers = 3"
    assert patch(spec, same) == Patch()


@pytest.mark.parametrize("plain", [1, 1e-5, True, 'a"b\\', [1, 2.5], {"low": 1, "choices": ["x"]}])
def test_what_is_written_is_read_again(plain):
    assert tomllib.loads(f"key = {written(plain)}") == {"key": plain}


@settings(max_examples=20)
@given(
    study_tables(),
    st.floats(0, 1),
    st.frozensets(st.sampled_from(Shape)),
    st.booleans(),
    st.sampled_from([{}, DIGITS, {"train": 9000, "dev": 3000}]),
)
def test_every_patch_can_be_pasted(tables, where, shapes, edge, data):
    edges = {"learning_rate": "lower"} if edge else {}
    text = tomli_w.dumps(tables)
    asked = case(text, where, shapes=shapes, edges=edges, data=data)
    for step in recipe(asked, CAUSES):
        assert not step.refused, step
        assert "`" not in step.why  # the page shows it as it stands
        if not step.patch:
            continue
        pasted = {name: dict(one) if isinstance(one, dict) else one for name, one in tables.items()}
        for name, table in tomllib.loads(step.patch).items():
            pasted[name] = pasted.get(name, {}) | table
        assert StudySpec.parse(tomli_w.dumps(pasted)) != asked.spec
        assert {
            knob.place.partition(".")[0] for knob in step.knobs
        } >= pasted.keys() - tables.keys()
