"""The tables `[network]`, `[regularization]`, `[augmentation]` and `[training]`: what a trial has.

Everything here may be fixed or searched, but for the few settings of a whole study, which are
plain fields. The defaults are the study that `caviar run` runs without a file.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG, ONE_MINUS
from caviar.study.hyperparameter import Conditional, Flag, Name, Real, Whole, to_plain, values
from caviar.study.rule import Rule
from caviar.study.table import Table

OPTIMIZERS: Final = {
    "sgd": (),
    "momentum": ("momentum",),
    "nesterov": ("momentum",),
    "rmsprop": ("beta_2", "epsilon"),
    "adam": ("beta_1", "beta_2", "epsilon"),
    "adamw": ("beta_1", "beta_2", "epsilon"),
}
"""The optimisers, and which hyperparameters each has of its own besides the learning rate."""

SCHEDULES: Final = {
    "none": (),
    "inverse_time": ("learning_rate_decay",),
    "exponential": ("decay_factor", "decay_epochs"),
    "staircase": ("decay_factor", "decay_epochs"),
    "inverse_sqrt": ("learning_rate_decay",),
    "cosine": ("decay_epochs",),
}
"""The learning rate's schedules, and which hyperparameters each has of its own."""

ACTIVATIONS: Final = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu")
INITIALIZERS: Final = ("he", "xavier", "lecun", "zeros")

TECHNIQUES: Final[dict[str, float]] = {
    "l2": 0.0,
    "l1": 0.0,
    "weight_decay": 0.0,
    "keep_prob": 1.0,
    "label_smoothing": 0.0,
    "max_norm": 0.0,
    "clip_norm": 0.0,
    "shift": 0.0,
    "flip": 0.0,
    "rotation": 0.0,
    "zoom": 0.0,
    "noise": 0.0,
}
"""Hyperparameters that cost nothing where no trial uses them; the value that changes nothing."""

_ONE_BETA = Rule(at_least=0, below=1)
_SHARE_BELOW_ONE = Rule(at_least=0, below=1)
_NOT_NEGATIVE = Rule(at_least=0)
_POSITIVE = Rule(above=0)
_DEPTH = Rule(whole=True, at_least=0, at_most=64, needed=True, grows=False)
"""Lists have an entry a layer, and conditions know the deepest network: depths do not grow."""
_EPSILON = Rule(above=0, at_least=2.0**-126)
"""What is added under a root or to it must not vanish in float32."""

STAND_INS: Final = {"units": 50, "beta_1": 0.9, "beta_2": 0.999}
"""What replaces a default range where nothing uses the hyperparameter."""


class Network(Table):
    """The network's shape."""

    layers: Annotated[Whole, _DEPTH] = Integer(2, 4)
    units: Annotated[
        Whole | tuple[Whole, ...],
        Rule(whole=True, at_least=1, at_most=65536, needed=True, per_layer=True),
    ] = Integer(50, 100)
    activation: Annotated[Name, Rule(names=ACTIVATIONS)] = "relu"
    batch_norm: Annotated[Flag, Rule(flag=True, needed=True)] = True
    batch_norm_momentum: Annotated[Real, _ONE_BETA] = 0.99
    batch_norm_epsilon: Annotated[Real, _EPSILON] = 1e-3
    initializer: Annotated[Name, Rule(names=INITIALIZERS)] = "he"
    initializer_scale: Annotated[Real, _POSITIVE] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _agree_on_depth(cls, raw: Any) -> Any:
        """As many layers as are listed; and no search for units where there is no layer."""
        if not isinstance(raw, dict):
            return raw
        units = raw.get("units")
        if isinstance(units, list | tuple) and units:
            return {"layers": len(units)} | raw
        return {"units": STAND_INS["units"]} | raw if raw.get("layers") == 0 else raw


class Regularization(Table):
    """What keeps a network from fitting the training part too closely."""

    l2: Annotated[Real, _NOT_NEGATIVE] = 0.0
    l1: Annotated[Real, _NOT_NEGATIVE] = 0.0
    weight_decay: Annotated[Real, _NOT_NEGATIVE] = 0.0
    keep_prob: Annotated[Real | tuple[Real, ...], Rule(above=0, at_most=1, per_layer=True)] = 1.0
    label_smoothing: Annotated[Real, _SHARE_BELOW_ONE] = 0.0
    max_norm: Annotated[Real, _NOT_NEGATIVE] = 0.0


class Augmentation(Table):
    """How examples are varied each time they are seen; all but noise for images only."""

    shift: Annotated[Real, _SHARE_BELOW_ONE] = 0.0
    flip: Annotated[Real, Rule(at_least=0, at_most=1)] = 0.0
    rotation: Annotated[Real, Rule(at_least=0, at_most=180)] = 0.0
    zoom: Annotated[Real, _SHARE_BELOW_ONE] = 0.0
    noise: Annotated[Real, _NOT_NEGATIVE] = 0.0


class Training(Table):
    """How one network is trained."""

    optimizer: Annotated[Name, Rule(names=tuple(OPTIMIZERS), needed=True)] = "adam"
    learning_rate: Annotated[Real, Rule(above=0, needed=True)] = Float(1e-4, 1.0, LOG)
    beta_1: Annotated[Real, _ONE_BETA] = Float(0.9, 0.999, ONE_MINUS)
    beta_2: Annotated[Real, _ONE_BETA] = Float(0.9, 0.9999, ONE_MINUS)
    momentum: Annotated[Real, _ONE_BETA] = 0.9
    epsilon: Annotated[Real, _EPSILON] = 1e-8
    batch_size: Annotated[Whole, Rule(whole=True, at_least=1, at_most=65536, needed=True)] = Choice(
        (32, 64, 128, 256), ordered=True
    )
    schedule: Annotated[Name, Rule(names=tuple(SCHEDULES), needed=True)] = "inverse_time"
    learning_rate_decay: Annotated[Real, _NOT_NEGATIVE] = 0.0
    decay_factor: Annotated[Real, Rule(above=0, at_most=1)] = 0.5
    decay_epochs: Annotated[Real | None, Rule(above=0, optional=True)] = None
    warmup_epochs: Annotated[Real, _NOT_NEGATIVE] = 0.0
    schedule_per: Literal["epoch", "step"] = "epoch"
    clip_norm: Annotated[Real, _NOT_NEGATIVE] = 0.0
    patience: int = Field(default=0, ge=0, le=1_000_000)
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    diverged_above: float = Field(default=3.0, gt=0)

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The optimisers that trials may have."""
        return tuple(str(name) for name in values(self.optimizer))

    @property
    def schedules(self) -> tuple[str, ...]:
        """The schedules that trials may have."""
        return tuple(str(name) for name in values(self.schedule))

    @model_validator(mode="before")
    @classmethod
    def _fix_unused_defaults(cls, raw: Any) -> Any:
        """A range that is only a default gives way when the optimiser has no use for it."""
        if not isinstance(raw, dict):
            return raw
        used = {name for one in optimizers_in(raw) for name in OPTIMIZERS.get(one, ())}
        given_way = {name: STAND_INS[name] for name in ("beta_1", "beta_2") if name not in used}
        return given_way | raw


def optimizers_in(raw: Any) -> tuple[str, ...]:
    """The optimisers that an unread table `[training]` names, whether there are such or not."""
    given = raw.get("optimizer", "adam") if isinstance(raw, dict) else "adam"
    plain = to_plain(given) if isinstance(given, Choice | Conditional) else given
    names = plain.get("choices", ()) if isinstance(plain, dict) else [plain]
    return tuple(str(name) for name in names) if isinstance(names, list | tuple) else ()


def neutral(key: str, held: object) -> bool:
    """Whether a hyperparameter of this key is fixed to the value that changes nothing."""
    return key in TECHNIQUES and held == TECHNIQUES[key]
