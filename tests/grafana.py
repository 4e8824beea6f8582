"""What Grafana's dashboard of caviar asks Prometheus."""

import json
import re
from pathlib import Path

PATH = Path(__file__).parents[1] / "cluster" / "grafana" / "caviar.json"


def board():
    return json.loads(PATH.read_text("utf-8"))


def expressions():
    """Every query, the variable's included."""
    found = board()
    yield from (target["expr"] for panel in found["panels"] for target in panel["targets"])
    for variable in found["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def asked(expression):
    """The metrics of a query, and the labels it names."""
    plain = re.sub(r'"[^"]*"', '""', expression)
    metrics = set(re.findall(r"\bray_\w+", plain))
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", plain))
    for group in re.findall(r"\bby\s*\(([^)]*)\)", plain):
        labels |= set(re.findall(r"\w+", group))
    labels |= set(re.findall(r"label_values\(\w+,\s*(\w+)\)", plain))
    return metrics, labels
