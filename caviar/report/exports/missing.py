"""What is said when a tool that an export needs is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from caviar.errors import StudyError
from caviar.study.wording import one_line


@contextmanager
def needs(tool: str, place: str = "export") -> Iterator[None]:
    """Around the imports of a tool; its extra has the tool's name.

    Args:
        tool: what is imported.
        place: what asked for it.

    Raises:
        StudyError: it cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        rule = f"needs {tool}, which cannot be imported ({one_line(str(error))})"
        raise StudyError(f"{place}: {rule}; to install it: pip install 'caviar[{tool}]'") from None
