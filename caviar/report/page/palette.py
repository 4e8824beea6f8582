"""The page's colours, light and dark, by name: one source for the style sheet, plots and PNG.

A figure names a colour as "@accent"; whoever draws it puts the theme's in.
"""

from __future__ import annotations

from typing import Any, Final

LIGHT: Final = {
    "paper": "#fbfaf8", "card": "#ffffff", "ink": "#1d2226", "soft": "#5b656d", "line": "#e3e0da",
    "grid": "#edeae4", "accent": "#b04e2a", "cool": "#1f6f8b", "good": "#2c794b", "bad": "#b3261e",
    "warn": "#8f6200", "faint": "#89929a", "wash": "#f4f1ec", "tip": "#1d2226", "tipink": "#ffffff",
    "s0": "#8796a0", "s1": "#6796ab", "s2": "#488ca9", "s3": "#2b7a97", "s4": "#155f7a",
    "s5": "#0b3d52", "band": "#cfdbe1",
    "c0": "#1f6f8b", "c1": "#b04e2a", "c2": "#2c794b", "c3": "#7a4fa3", "c4": "#8f6200",
    "c5": "#b0406f", "c6": "#4a63b5", "c7": "#5d6a1f",
}  # fmt: skip
DARK: Final = {
    "paper": "#14181b", "card": "#1b2125", "ink": "#e9ecee", "soft": "#a3aeb6", "line": "#2e363c",
    "grid": "#283036", "accent": "#f0916b", "cool": "#6cc0dc", "good": "#7fcf9d", "bad": "#ff8a80",
    "warn": "#e6b450", "faint": "#6b7780", "wash": "#20272c", "tip": "#e9ecee", "tipink": "#14181b",
    "s0": "#66757f", "s1": "#52819a", "s2": "#4593b1", "s3": "#58adca", "s4": "#88cde4",
    "s5": "#c6ebf8", "band": "#34464f",
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
