"""caviar: distributed hyperparameter tuning of TensorFlow networks on Ray Tune.

`run` trains a study, `load` opens one; both are imported when first asked for, so that
`import caviar` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caviar.api import Study, load, run

__version__ = "0.1.0"
__all__ = ["Study", "__version__", "load", "run"]


def __getattr__(name: str) -> Any:
    if name in {"Study", "load", "run"}:
        from caviar import api

        return getattr(api, name)
    raise AttributeError(f"module 'caviar' has no attribute {name!r}")
