"""What a study is made of: trials, assignments and measurements, as plain frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

Value = float | int | str | bool
"""A hyperparameter's value in a person's units."""


class TrialState(StrEnum):
    """Where a trial stands; only `RUNNING` and `WAITING` are left without anyone's doing."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"


class Purpose(StrEnum):
    """Why an assignment was made."""

    RUNG = "rung"
    COMPLETION = "completion"
    """A trial taken on beyond the share of its rung, at the very end and one at a time: to
    `max_epochs` where 1/eta of its rung was none, to the next rung where the rung's best trial
    came after the share was spent."""
    RETRAINING = "retraining"
    """A configuration trained once more, to the end, under a seed of its own."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration.

    Attributes:
        index: its place in the study, from 0; with the study's seed it fixes everything random.
        point: its place in the unit cube, one coordinate a searched hyperparameter.
        hyperparameters: values in a person's units, the fixed ones included.
        origin: where it came from, in a word: "cover", "zoom", "control", "given", "day" ...
        why: what belongs to that, in words: "round 3", "learning rate a little up" ...
        draw: the number of the searcher's suggestion it was made of, or None if it was none; of a
            panda's day the number of its panda, of a retraining that of its replicate.
        parent: the trial and the epoch from whose checkpoint it goes on; None: it starts anew.
    """

    index: int
    point: tuple[float, ...]
    hyperparameters: Mapping[str, Value]
    origin: str = ""
    why: str = ""
    draw: int | None = None
    parent: tuple[int, int] | None = None

    @property
    def first_epoch(self) -> int:
        """Epochs it has behind it before its own first one."""
        return self.parent[1] if self.parent is not None else 0


@dataclass(frozen=True, slots=True, order=True)
class Signature:
    """What must agree for trials to share a compiled step.

    Attributes:
        widths: padded units of each hidden layer; its length is the padded depth.
        batch_size: examples in a step.
        optimizer: the optimiser's family.
        precision: of the matrix products.
        activation: of the hidden layers.
        batch_norm: whether the hidden layers normalise; without, they have a bias.
        techniques: hyperparameters that some trial of the study uses and others may hold at the
            value that changes nothing, as `keep_prob` or `l2`; sorted.
    """

    widths: tuple[int, ...]
    batch_size: int
    optimizer: str
    precision: str = "float32"
    activation: str = "relu"
    batch_norm: bool = True
    techniques: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A short name for logs and the journal, as `112x112-b64-adam-float32`.

        What is not usual follows, as `112x112-b64-adam-float32-tanh-plain+keep_prob+l2`; "plain"
        says that there is no batch norm.
        """
        widths = "x".join(map(str, self.widths)) or "0"
        parts = [widths, f"b{self.batch_size}", self.optimizer, self.precision]
        parts += [self.activation] if self.activation != "relu" else []
        parts += [] if self.batch_norm else ["plain"]
        return "+".join(["-".join(parts), *self.techniques])

    @classmethod
    def parse(cls, text: str) -> Signature:
        """The inverse of `str`."""
        named, *techniques = text.split("+")
        widths, batch, optimizer, precision, *others = named.split("-")
        units = tuple(int(w) for w in widths.split("x")) if widths != "0" else ()
        plain = "plain" in others
        activation = next((word for word in others if word != "plain"), "relu")
        kind = (optimizer, precision, activation, not plain)
        return cls(units, int(batch[1:]), *kind, tuple(techniques))


@dataclass(frozen=True, slots=True)
class Assignment:
    """The unit of work: train these trials together from `first_epoch` to `last_epoch`.

    Attributes:
        trials: their indices; one lane each.
        first_epoch: epochs the trials have behind them (0: new ones).
        last_epoch: epochs they will have behind them afterwards; > first_epoch.
        signature: which all its trials share.
        purpose: why it was made.
    """

    trials: tuple[int, ...]
    first_epoch: int
    last_epoch: int
    signature: Signature
    purpose: Purpose = Purpose.RUNG


@dataclass(frozen=True, slots=True)
class Watch:
    """What tells vanishing, exploding and idle layers apart; hidden layers first, then the output.

    Attributes:
        gradient_norm: Euclidean norm of the cost's gradient at each layer's weights, the root of
            its mean square over some steps of the epoch, the last one among them.
        weight_norm: Euclidean norm of each layer's weights after the epoch.
        idle: share of each hidden layer's units that are dead (relu, leaky_relu, gelu: never above
            zero on the dev part) or saturated (tanh, sigmoid: within 0.01 of an end on all of it).
    """

    gradient_norm: tuple[float, ...]
    weight_norm: tuple[float, ...]
    idle: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A trial's metrics after an epoch.

    Attributes:
        trial: the trial's index.
        epoch: epochs trained, from 1.
        train_loss: mean cross-entropy over the epoch's training steps, in nats.
        train_accuracy: share of the epoch's training examples classified rightly, in [0, 1].
        dev_loss: mean cross-entropy over the dev part, in nats, with batch norm's averages.
        dev_accuracy: share of the dev part classified rightly, in [0, 1].
        elapsed_s: seconds the epoch took this lane: its share of the compiled call.
        diverged: whether the lane diverged in this epoch; it has no later measurement.
        stopped: whether early stopping ended the trial here; it has no later measurement either.
        reason: how it diverged or why it stopped, in words; else empty.
        watch: what the layers did, where it was watched.
    """

    trial: int
    epoch: int
    train_loss: float
    train_accuracy: float
    dev_loss: float
    dev_accuracy: float
    elapsed_s: float
    diverged: bool = False
    stopped: bool = False
    reason: str = ""
    watch: Watch | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that ended without a measurement: it was given up, or a person stopped it.

    Attributes:
        trial: the trial's index.
        error: why, in one line.
        stopped: whether a person stopped it; else its own tries failed. What it reached stands.
    """

    trial: int
    error: str
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """A step of the coarse-to-fine search: the box that its trials are drawn from, and why.

    Attributes:
        number: from 1.
        bounds: `[d]` pairs: what every draw keeps to, the controls included, in the unit cube.
        box: `[d]` pairs low, high in the unit cube, within `bounds`.
        cells: `[d]`: of an axis without order the cells that are drawn from; else ().
        stands_on: how many trials had been compared when it began.
        elites: the trials it was drawn around, the best first.
        whys: `[d]`: of each axis why it shrank, stayed or grew.
        why: of the whole round, in one line.
    """

    number: int
    bounds: tuple[tuple[float, float], ...]
    box: tuple[tuple[float, float], ...]
    cells: tuple[tuple[int, ...], ...]
    stands_on: int
    elites: tuple[int, ...] = ()
    whys: tuple[str, ...] = ()
    why: str = ""


class ChangeKind(StrEnum):
    """What a person, or a budget, changed about a study that was begun."""

    EXTEND = "extend"
    """`trials`, `max_epochs` or a key of `[budget]`: it grows, from the next run on."""
    ADD_TRIALS = "add_trials"
    """`trials`: so many more."""
    ADD_POINT = "add_point"
    """`hyperparameters`: one more trial of just these; the searcher gives what is not named."""
    STOP = "stop"
    """`why`: nothing more is started."""
    STOP_TRIAL = "stop_trial"
    """`trial`: it is ended where it stands."""
    PAUSE = "pause"
    CONTINUE = "continue"
    """It goes on after a pause or a stop."""
    NARROW = "narrow"
    """`name`, and `low` and `high` or `choices`, in a person's units."""
    NUDGE = "nudge"
    """`hyperparameters`: what a panda's next day begins with."""
    ROLLBACK = "rollback"
    """`day`: whose end a panda's next day begins at; 0: it begins anew."""
    CHOOSE = "choose"
    """`strategy`, "panda" or "caviar", `pandas` and `why`: what the strategy "auto" came to."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed, journalled before it takes effect.

    Attributes:
        kind: what.
        detail: as the kind says; JSON.
    """

    kind: ChangeKind
    detail: Mapping[str, Any] = field(default_factory=dict)


Entry = Trial | Assignment | Measurement | Failure | Round | Change
"""One decision-relevant line of the journal; a strategy is rebuilt from them in commit order."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One trial of a claim: what a slice needs to go on with it.

    Attributes:
        trial: the configuration.
        epoch: epochs it has behind it; the checkpoint's epoch, or 0.
        checkpoint: the bytes of its checkpoint file, or None for a new trial.
        best: where early stopping is on, the epoch and the value of its best metric so far.
    """

    trial: Trial
    epoch: int = 0
    checkpoint: bytes | None = field(default=None, repr=False)
    best: tuple[int, float] | None = None


class Settled(NamedTuple):
    """How a signature's step is called, settled once for a study's life.

    Attributes:
        width: lanes in one call.
        precision: of the matrix products.
    """

    width: int
    precision: str = "float32"


@dataclass(frozen=True, slots=True)
class Claim:
    """An assignment handed to a slice.

    Attributes:
        assignment: its number in the journal.
        attempt: which try this is, from 1; a report must carry it.
        lanes: the trials still to be trained, each with where it stands.
        last_epoch: where all of them go.
        signature: which they share.
        width: lanes in one call of the compiled step; None if it is not yet decided.
        expected_lane_epochs: how many lane-epochs the study may still spend on this signature,
            an upper bound that tells whether measuring widths would pay.
        precision: what the signature's precision "auto" was settled to; else empty.
        seed: from which all that is random in training follows, whichever trial it is; None: from
            the study's and the trial.
        share: of the training part that the lanes are trained on, in (0, 1].
    """

    assignment: int
    attempt: int
    lanes: tuple[Lane, ...]
    last_epoch: int
    signature: Signature
    width: int | None
    expected_lane_epochs: int
    precision: str = ""
    seed: int | None = None
    share: float = 1.0


class Terms(NamedTuple):
    """What a retraining is trained on.

    Attributes:
        seed: as of a claim.
        share: as of a claim.
    """

    seed: int | None = None
    share: float = 1.0
