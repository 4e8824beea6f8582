"""Tells the broker at once when Ray Tune finds a slice dead."""

from __future__ import annotations

from typing import Any

from ray import tune

from caviar.tuning.messages import slice_name


class LostSlices(tune.Callback):
    """Reports a slice that Tune starts again, so that its assignment need not wait for it.

    The slice may come back late or, when its node is gone, never.
    """

    def __init__(self, broker: Any) -> None:
        self._broker = broker

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Called by Tune when a trainable failed and will be started again."""
        name = slice_name(trial.config["study"], trial.config["slice"])
        self._broker.lose.remote(name, "its slice died")
