import numpy as np
import pytest

from caviar.data import register_dataset, registry
from caviar.errors import StudyError
from caviar.study.spec import StudySpec
from caviar.tuning.preparation import prepare

SMALL = "[training]\nbatch_size = 16"


def test_the_test_part_stays_behind():
    found = prepare(StudySpec.default())
    assert found.training.train.x.shape == (1079, 64)
    assert found.training.dev.x.shape == (359, 64)
    assert found.training.classes == 10
    assert found.training.test is None
    assert found.facts["test"] == 359
    assert len(found.facts["fingerprint"]) == 64
    assert "359 test (sealed)" in found.line
    assert found.warnings == ()


@pytest.mark.parametrize("batch", ["2048", "{ choices = [32, 2048] }"])
def test_a_batch_larger_than_the_training_part_is_refused(batch):
    spec = StudySpec.parse(f"[training]\nbatch_size = {batch}")
    with pytest.raises(StudyError) as caught:
        prepare(spec)
    assert str(caught.value) == (
        "training.batch_size: must be at most the 1079 examples of the training part, got 2048"
    )


@pytest.mark.parametrize("key", ["shift", "flip", "rotation", "zoom"])
@pytest.mark.parametrize("value", ["0.1", "{ low = 0.0, high = 0.1 }"])
def test_images_alone_can_be_moved(key, value):
    spec = StudySpec.parse(f'[data]\nname = "wine"\n[augmentation]\n{key} = {value}\n{SMALL}')
    with pytest.raises(StudyError) as caught:
        prepare(spec)
    assert str(caught.value) == (
        f"augmentation.{key}: must be 0 on data that are no images [height, width] or "
        "[height, width, channels], got examples of shape [13]"
    )


def test_noise_is_for_anything_and_images_are_moved():
    prepare(StudySpec.parse(f'[data]\nname = "wine"\n[augmentation]\nnoise = 0.1\n{SMALL}'))
    prepare(StudySpec.parse("[augmentation]\nshift = 0.1\nflip = 0.5"))


def test_a_table_is_read_as_the_study_file_asks(tmp_path):
    rows = [f"{row},{row % 7},{'a' if row % 3 else 'b'}" for row in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,value,kind", *rows]))
    (tmp_path / "study.toml").write_text(
        '[data]\npath = "rows.csv"\nlabel = "kind"\ndrop = ["id"]\nnormalise = false\n'
        "class_weights = { b = 2.0 }\nfractions = { train = 0.5, dev = 0.5 }\n" + SMALL
    )
    found = prepare(StudySpec.load(tmp_path / "study.toml"))
    assert found.facts["class_names"] == ["a", "b"]
    assert (found.facts["train"], found.facts["dev"], found.facts["test"]) == (30, 30, 0)
    assert found.training.class_weights.tolist() == pytest.approx([0.75, 1.5])
    assert (found.training.mean.tolist(), found.training.std.tolist()) == ([0.0], [1.0])
    assert "dev only" in found.line


def test_warnings_reach_the_person(monkeypatch):
    rng = np.random.default_rng(0)
    made = {"x": rng.normal(size=(90, 2)), "y": np.arange(90) % 2}
    made |= {"x_dev": rng.normal(size=(90, 2)) + 3, "y_dev": np.arange(90) % 2}
    monkeypatch.setattr(registry, "_registered", {})
    register_dataset("made", lambda: made)
    (line,) = prepare(StudySpec.parse(f'[data]\nname = "made"\n{SMALL}')).warnings
    assert line.startswith("the dev part does not look like the training part: the mean of ")
