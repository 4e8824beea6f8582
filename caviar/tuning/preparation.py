"""The data set, prepared once: a task on the driver's node, so that its memory is given back."""

from __future__ import annotations

from caviar.data.load import load_dataset
from caviar.study.spec import StudySpec
from caviar.tuning.worker import TrainingData


def prepare(spec_json: str) -> tuple[TrainingData, str]:
    """Reads the study's data set and cuts it; the test part stays behind, sealed.

    Args:
        spec_json: the study, canonical.

    Returns:
        What the slices train on, and a line that describes it.

    Raises:
        StudyError: the data set is unknown or unfit.
    """
    spec = StudySpec.from_json(spec_json)
    data = load_dataset(
        spec.data.name, spec.seed, data_dir=spec.data.data_dir, fractions=spec.data.fractions
    )
    classes = len(data.class_names)
    parts = [f"{len(data.train.y):,} train", f"{len(data.dev.y):,} dev"]
    parts.append(f"{len(data.test.y):,} test (sealed)" if data.test else "no test part: dev only")
    line = f"{data.name}: {', '.join(parts)}; {data.train.x.shape[1]} features, {classes} classes"
    train, dev = (data.train.x, data.train.y), (data.dev.x, data.dev.y)
    return TrainingData(train, dev, classes), line
