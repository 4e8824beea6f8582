import pytest

from caviar.errors import StudyError
from caviar.study.spec import StudySpec
from caviar.tuning.preparation import prepare


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
