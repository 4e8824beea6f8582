"""The default study's job as people write it with Ray Tune and Keras.

    python benchmarks/ray_tune_keras.py --trials 64 [--seed 0] [--jit auto|on|off] [--out FILE]

A class Trainable with `reuse_actors=True`, so that TensorFlow is imported once an actor; ASHA with
the study's rungs; one actor a slice that caviar would have, with the slice's CPUs. A trial is a
Keras 3 model with batch norm and Adam, compiled once, and a step is `model.fit(epochs=1)` on NumPy
arrays with the dev part as validation data: graph mode with Keras's own choice of XLA (`jit auto`),
TensorFlow's threads as many as the actor has CPUs. Data, cut and standardising are caviar's own,
and hyperparameters are drawn from the same domains on the same scales. No checkpoints are written.
`against_ray_tune.py` times it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from caviar.data.load import load_dataset
from caviar.space.domain import Choice, Domain, Integer
from caviar.study.spec import StudySpec
from caviar.tuning.placement import Need, Node, plan_slices

ONE_MINUS = "one_minus_"
"""Tune has no such scale; people draw 1 - x on a log scale and turn it round in the trainable."""

JIT: dict[str, Any] = {"auto": "auto", "on": True, "off": False}


class KerasTrial(tune.Trainable):
    """A trial; the process is reused for the next one.

    Its `config` holds the hyperparameters; `parts` the train and dev arrays `x, y`, `classes`.
    """

    def setup(
        self,
        config: dict[str, Any],
        parts: dict[str, NDArray[Any]] | None = None,
        classes: int = 0,
        jit: str = "auto",
        cpus: int = 1,
    ) -> None:
        """Called in a new process: bounds TensorFlow's threads and builds the first model."""
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(cpus)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._parts = parts or {}
        self._classes, self._jit = classes, JIT[jit]
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Makes the process another trial."""
        import keras

        keras.backend.clear_session()
        self._batch_size = new_config["batch_size"]
        self._model = build(new_config, self._parts["train_x"].shape[1], self._classes, self._jit)
        return True

    def step(self) -> dict[str, float]:
        """Trains an epoch and tells the dev part's loss and accuracy."""
        parts = self._parts
        history = self._model.fit(
            parts["train_x"],
            parts["train_y"],
            batch_size=self._batch_size,
            epochs=1,
            validation_data=(parts["dev_x"], parts["dev_y"]),
            verbose=0,
        ).history
        return {
            "dev_accuracy": float(history["val_accuracy"][-1]),
            "dev_loss": float(history["val_loss"][-1]),
        }


def build(config: dict[str, Any], features: int, classes: int, jit: Any) -> Any:
    """A compiled Keras model: dense, batch norm, ReLU; then logits."""
    import keras

    model = keras.Sequential([keras.Input((features,))])
    for _ in range(config["layers"]):
        model.add(
            keras.layers.Dense(config["units"], use_bias=False, kernel_initializer="he_normal")
        )
        model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.ReLU())
    model.add(keras.layers.Dense(classes))
    adam = keras.optimizers.Adam(
        learning_rate=config["learning_rate"],
        beta_1=value(config, "beta_1"),
        beta_2=value(config, "beta_2"),
        epsilon=config["epsilon"],
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(adam, loss, metrics=["accuracy"], jit_compile=jit)
    return model


def value(config: dict[str, Any], name: str) -> float:
    """A hyperparameter that may have been drawn as one minus itself."""
    return 1.0 - config[ONE_MINUS + name] if ONE_MINUS + name in config else config[name]


def param_space(spec: StudySpec) -> dict[str, Any]:
    """The study's search space in Tune's words."""
    drawn = dict(_drawn(name, domain) for name, domain in spec.space.domains.items())
    return drawn | dict(spec.space.fixed)


def _drawn(name: str, domain: Domain) -> tuple[str, Any]:
    if isinstance(domain, Choice):
        return name, tune.choice(list(domain.choices))
    low, high = (float(bound) for bound in domain.bounds)
    if isinstance(domain, Integer):
        draw = tune.lograndint if domain.scale_name == "log" else tune.randint
        return name, draw(int(low), int(high) + 1)
    if domain.scale_name == "one_minus":
        return ONE_MINUS + name, tune.loguniform(1.0 - high, 1.0 - low)
    return name, (tune.loguniform if domain.scale_name == "log" else tune.uniform)(low, high)


def trainable(spec: StudySpec, jit: str) -> Any:
    """The trainable with its data and CPUs."""
    data = load_dataset(spec.data.name, spec.seed)
    parts = {
        "train_x": data.standardised(data.train),
        "train_y": data.train.y,
        "dev_x": data.standardised(data.dev),
        "dev_y": data.dev.y,
    }
    cpus = spec.resources.cpus_per_slice
    bound = tune.with_parameters(
        KerasTrial, parts=parts, classes=len(data.class_names), jit=jit, cpus=cpus
    )
    return tune.with_resources(bound, {"cpu": cpus})


def tuner(spec: StudySpec, jit: str, storage: str) -> tune.Tuner:
    """The whole of it, as in Tune's own examples."""
    nodes = [Node(dict(node["Resources"])) for node in ray.nodes()]
    plan = plan_slices(nodes, Need(spec.resources.cpus_per_slice), "auto", spec.search.trials)
    asha = ASHAScheduler(
        time_attr="training_iteration",
        grace_period=spec.search.grace_epochs,
        max_t=spec.search.max_epochs,
        reduction_factor=spec.search.reduction_factor,
    )
    return tune.Tuner(
        trainable(spec, jit),
        param_space=param_space(spec),
        tune_config=tune.TuneConfig(
            metric=spec.metric,
            mode="min" if spec.lower_is_better else "max",
            num_samples=spec.search.trials,
            scheduler=asha,
            reuse_actors=True,
            max_concurrent_trials=plan.count,
        ),
        run_config=tune.RunConfig(
            name=spec.name,
            storage_path=storage,
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )


def told(results: tune.ResultGrid, spec: StudySpec) -> dict[str, Any]:
    """What it came to; `began` is when the first trial did, in seconds since 1970."""
    series = results.get_best_result(scope="all").metrics_dataframe
    frames = [f for f in (result.metrics_dataframe for result in results) if f is not None]
    began = min(float((f["timestamp"] - f["time_total_s"]).min()) for f in frames if len(f))
    epochs = [(result.metrics or {}).get("training_iteration", 0) for result in results]
    assert series is not None
    return {
        "trials": len(epochs),
        "began": began,
        "failed": results.num_errors,
        "trial_epochs": int(sum(epochs)),
        "best_dev_accuracy": float(series["dev_accuracy"].max()),
        "longest": int(max(epochs)),
        "reached": {rung: int(sum(e >= rung for e in epochs)) for rung in spec.rungs()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jit", choices=JIT, default="auto", help="Keras's jit_compile")
    parser.add_argument("--out", type=Path, default=None, help="write the result here as JSON")
    options = parser.parse_args()
    spec = StudySpec.default().override(trials=options.trials, seed=options.seed)
    np.random.seed(options.seed)  # Tune draws from NumPy's global generator
    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as storage:
        result = told(tuner(spec, options.jit, storage).fit(), spec)
    text = json.dumps(result)
    if options.out:
        options.out.write_text(text)
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
