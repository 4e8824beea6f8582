"""caviar: distributed hyperparameter tuning of TensorFlow networks on Ray Tune.

`run` trains a study, `load` opens one, `check_gradients` checks the gradients it trains with,
`register_dataset` names a data set of one's own; all are imported when first asked for, so that
`import caviar` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caviar.api import Study, check_gradients, load, run
    from caviar.data.registry import register_dataset

__version__ = "0.1.0"
__all__ = ["Study", "__version__", "check_gradients", "load", "register_dataset", "run"]


def __getattr__(name: str) -> Any:
    if name in {"Study", "check_gradients", "load", "run"}:
        from caviar import api

        return getattr(api, name)
    if name == "register_dataset":
        from caviar.data.registry import register_dataset

        return register_dataset
    raise AttributeError(f"module 'caviar' has no attribute {name!r}")
