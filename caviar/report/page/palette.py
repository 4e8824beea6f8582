"""The page's colours, light and dark, by name: one source for the style sheet, plots and PNG.

A figure names a colour as "@accent"; whoever draws it puts the theme's in.
"""

from __future__ import annotations

from typing import Any, Final

LIGHT: Final = {
    "paper": "#fbfaf8", "card": "#ffffff", "ink": "#1d2226", "soft": "#5b656d", "line": "#e3e0da",
    "grid": "#edeae4", "accent": "#b4512d", "cool": "#1f6f8b", "good": "#2f7d4f", "bad": "#b3261e",
    "warn": "#8f6200", "faint": "#c3c7ca", "wash": "#f4f1ec", "tip": "#1d2226", "tipink": "#ffffff",
    "s0": "#b9c7cf", "s1": "#8fb4c6", "s2": "#5c9cb5", "s3": "#2f7f9c", "s4": "#155f7a",
    "s5": "#0b3d52",
    "c0": "#1f6f8b", "c1": "#b4512d", "c2": "#2f7d4f", "c3": "#7a4fa3", "c4": "#8f6200",
    "c5": "#b0406f", "c6": "#4a63b5", "c7": "#5d6a1f",
}  # fmt: skip
DARK: Final = {
    "paper": "#14181b", "card": "#1b2125", "ink": "#e9ecee", "soft": "#a3aeb6", "line": "#2e363c",
    "grid": "#283036", "accent": "#f0916b", "cool": "#6cc0dc", "good": "#7fcf9d", "bad": "#ff8a80",
    "warn": "#e6b450", "faint": "#4c565d", "wash": "#20272c", "tip": "#e9ecee", "tipink": "#14181b",
    "s0": "#41505a", "s1": "#3f6b80", "s2": "#3f8aa6", "s3": "#55a9c6", "s4": "#86cbe2",
    "s5": "#c6ebf8",
    "c0": "#6cc0dc", "c1": "#f0916b", "c2": "#7fcf9d", "c3": "#c3a0ea", "c4": "#e6b450",
    "c5": "#f291b9", "c6": "#9db1f5", "c7": "#c0cf73",
}  # fmt: skip
SEQUENCE: Final = tuple(f"@s{k}" for k in range(6))
"""From little to much."""
CATEGORIES: Final = tuple(f"@c{k}" for k in range(8))


def variables(colours: dict[str, str]) -> str:
    """As declarations of a style sheet."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def coloured(data: Any, colours: dict[str, str], key: str = "") -> Any:
    """The same data with the colour for every "@name", but only where a colour stands."""
    if isinstance(data, str):
        here = key.endswith(("color", "colorscale"))
        return colours.get(data[1:], data) if here and data.startswith("@") else data
    if isinstance(data, dict):
        return {name: coloured(value, colours, name) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [coloured(value, colours, key) for value in data]
    return data


def of_order(place: int, count: int) -> str:
    """The colour of the `place`-th of `count` steps, from little to much."""
    if count <= 1:
        return SEQUENCE[-2]
    return SEQUENCE[round(place * (len(SEQUENCE) - 1) / (count - 1))]
