"""What ``/metrics`` says, read with Prometheus' own parser."""

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Scraped:
    """One scrape: the families with their kinds, and the value of each series."""

    kinds: Mapping[str, str]
    values: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def of(self, name: str, **labels: str) -> float:
        """Return the sum of all series of that name which have these labels; 0 where there is none."""
        wanted = labels.items()
        return sum(value for (found, held), value in self.values.items() if found == name and wanted <= set(held))

    def names(self) -> set[str]:
        """Return the names of all series."""
        return {name for name, _ in self.values}


def scrape(url: str) -> Scraped:
    """Return what a server counts; fails when a series comes twice or is not Prometheus' text format."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    kinds: dict[str, str] = {}
    values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, f"{family.name} does not say what it is"
        kinds[family.name] = family.type
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in values, f"{key} comes twice"
            values[key] = sample.value
    return Scraped(kinds, values)
