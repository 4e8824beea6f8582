"""The shapes of what the service answers, for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field


class _Open(BaseModel):
    """Answers may grow; those who read them should not mind."""

    model_config = ConfigDict(extra="allow")


class Health(BaseModel):
    """The service is up."""

    ok: bool = True


class Problem(BaseModel):
    """What is wrong, in one line."""

    error: str = Field(examples=["digits: there is no such study here"])


class Best(_Open):
    """The best measurement so far."""

    trial: int = Field(examples=[12])
    epoch: int = Field(examples=[9])
    dev_accuracy: float | None = Field(examples=[0.9722])
    dev_loss: float | None = Field(examples=[0.113])
    train_loss: float | None = Field(examples=[0.021])
    hyperparameters: dict[str, Any] = Field(examples=[{"learning_rate": 0.012, "batch_size": 64}])


class Glance(_Open):
    """A study in the list."""

    name: str = Field(examples=["digits"])
    study: str | None = Field(None, description="Its name in the study file.")
    status: str | None = Field(
        None, description="new, running, interrupted, stopped or finished", examples=["running"]
    )
    counts: dict[str, int] | None = Field(None, description="Trials by state.")
    trial_epochs: int | None = Field(None, description="Measurements that stand.")
    elapsed_s: float | None = Field(None, description="Of all its drivers, in seconds.")
    metric: str | None = Field(None, examples=["dev_accuracy"])
    best: Best | None = None
    error: str | None = Field(None, description="Why it cannot be read.")
    reading: bool | None = Field(None, description="It is being read for the first time.")


class Studies(BaseModel):
    """All studies."""

    studies: list[Glance]


class TrialRow(_Open):
    """A trial; `dev_accuracy`, `dev_loss` and `train_loss` are of its last epoch."""

    trial: int
    state: str = Field(examples=["paused"])
    epochs: int
    best_epoch: int | None
    best_value: float | None = Field(description="The metric after `best_epoch`.")
    reason: str | None = Field(description="Why it ended, if not by itself.")
    hyperparameters: dict[str, Any]


class StatusModel(Glance):
    """How a study stands."""

    stage: str = Field(description='"retraining" in the finals, else "".')
    rungs: list[list[int]] = Field(
        description="Of each rung its epoch, how many came, how many went on.",
        examples=[[[1, 64, 21], [3, 21, 7]]],
    )
    trial_epochs_per_s: float | None = Field(description="Over all its time.")
    slices: dict[str, str] = Field(description="What each slice is at.")
    searched: list[str] = Field(description="The hyperparameters that are searched.")
    asked: list[str] = Field(description="Changes that no driver has taken yet, in words.")
    leaders: list[TrialRow] = Field(description="The best trials, the best first.")
    curves: dict[str, list[list[float | None]]] = Field(
        description="Of the first of these, by trial: pairs of epoch and metric."
    )
    at: float = Field(description="When this was so, in seconds since 1970.")


class Trials(BaseModel):
    """A page of trials."""

    total: int
    offset: int
    trials: list[TrialRow]


class Epoch(_Open):
    """A measurement."""

    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    dev_loss: float | None
    dev_accuracy: float | None


class TrialModel(TrialRow):
    """A trial with its curve."""

    curve: list[Epoch]
    findings: list[str] = Field(description="What the curve shows, in plain sentences.")


class AxisModel(_Open):
    """A hyperparameter's part of a box."""

    name: str
    share: float = Field(description="Of its range, what is left.")
    why: str
    places: list[list[float]] = Field(description="What is left, as stretches of [0, 1].")


class RoundModel(_Open):
    """A round of the search."""

    number: int
    why: str
    stands_on: int = Field(description="Trials compared when it began.")
    axes: list[AxisModel]


class Rounds(BaseModel):
    """The rounds of a search."""

    rounds: list[RoundModel]


class Change(BaseModel):
    """What came of a change."""

    taken: bool = Field(description="Whether a driver has made it; else the next one will.")
    line: str = Field(examples=["taken: 20 more trials, 84 in all"])


class Changes(BaseModel):
    """What came of the changes that were asked for."""

    changes: list[Change]


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "Without the token, or with another."},
    404: {"model": Problem, "description": "There is no such study or trial."},
    409: {"model": Problem, "description": "Not here: the line says where."},
    422: {"model": Problem, "description": "It cannot be so; the line says why."},
    503: {"model": Problem, "description": "It cannot be read now; the line says why."},
}
"""What any route may answer besides."""
EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A stream that ends with the study.",
        "content": {
            "text/event-stream": {
                "example": 'event: status\ndata: {"name":"digits","status":"running", ...}\n\n'
            }
        },
    }
}
