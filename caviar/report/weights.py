"""Weights: what is told of how much each hyperparameter decided at a rung, as plain records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weight:
    """How much one hyperparameter decided among the trials of a rung.

    Attributes:
        name: flat.
        tier: of the lectures, from 1 (see `caviar.report.tiers`).
        trials: who has it; with a condition not all of them.
        share: of the variance of ranks, decided by it alone (fANOVA), in [0, 1]; None if too few
            trials have it or all have the same value.
        low: of an interval of 90 % around the share, from resampled trials; None with it.
        high: the other end.
        rank: its first and last place among the hyperparameters, from 1, in 90 % of the resamples;
            None without a share.
        clear: whether it decides more than a coordinate of chance.
        ped_anova: its part in what sets the best tenth apart, all parts summing to 1; None where
            all have the same value.
    """

    name: str
    tier: int
    trials: int
    share: float | None
    low: float | None
    high: float | None
    rank: tuple[int, int] | None
    clear: bool
    ped_anova: float | None


@dataclass(frozen=True)
class Interaction:
    """What two hyperparameters decide together, beyond what each decides alone.

    Attributes:
        names: of the two.
        share: of the variance of ranks, in [0, 1].
        low: as of a `Weight`.
        high: as of a `Weight`.
        clear: whether it is more than the strongest one's interaction with chance.
    """

    names: tuple[str, str]
    share: float
    low: float
    high: float
    clear: bool


@dataclass(frozen=True)
class RungImportance:
    """What mattered among the trials of one rung.

    Attributes:
        epoch: of the rung.
        trials: that were compared there.
        diverged: of them, worse than any other.
        used: to which forests were fitted; fewer than `trials` where these are very many.
        why_not: why nothing can be told, or "".
        fit: how much of the variance of unseen trials' ranks the forest predicts; at most 1, and
            not above 0 where it predicts nothing.
        weights: of every hyperparameter that is searched, the most important first.
        interactions: the strongest first.
    """

    epoch: int
    trials: int
    diverged: int
    used: int
    why_not: str
    fit: float | None
    weights: tuple[Weight, ...]
    interactions: tuple[Interaction, ...]
