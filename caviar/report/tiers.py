"""What the lectures expect to matter: in which order they would have a person tune.

Learning rate first; then momentum, the units and the batch size; then the layers and the decay of
the learning rate; of Adam's other constants they say that they are hardly ever worth it (Ng,
"Improving Deep Neural Networks", week 3, "Tuning process"). What they do not name comes last.
"""

from __future__ import annotations

from typing import Final

from caviar.study.flat import key_of

TIERS: Final = (
    ("learning_rate",),
    ("momentum", "beta_1", "units", "batch_size"),
    ("layers", "schedule", "learning_rate_decay", "decay_factor", "decay_epochs"),
)
"""Keys of the study file, the most important first; a schedule is how the rate decays."""
LAST: Final = len(TIERS) + 1
"""The tier of whatever is in none of them."""


def tier(name: str) -> int:
    """The tier of a hyperparameter, from 1; a layer's `units_2` counts as `units`."""
    key = key_of(name)
    return next((number for number, keys in enumerate(TIERS, 1) if key in keys), LAST)
