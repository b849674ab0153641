"""The dashboard and the alert rules of ``deploy/``, and the table of the documentation, against what is measured."""

import ast
import re

import pytest

from jacie_flask import measures
from tests.support.jacie import ROOT
from tests.support.monitoring import dashboard, expressions, names_in, panels, rules

SERIES = {
    "counter": ("",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}
KNOWN = {f"{measure.exposed}{end}": measure for measure in measures.MEASURES for end in SERIES[measure.kind]}
SELECTOR = re.compile(r"\b(jacie_\w+)(?:\{([^}]*)\})?")
FROM_THE_SCRAPE = {"job", "instance", "le"}
CALLS = {"count": "counter", "observe": "histogram", "level": "gauge", "rise": "gauge", "fall": "gauge"}


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_expressions_ask_for_what_there_is(expression):
    """Every series that is named exists, with every label it is selected or grouped by, and brackets are closed."""
    for name, selected in SELECTOR.findall(expression):
        assert name in KNOWN, name
        allowed = {*KNOWN[name].labels, *FROM_THE_SCRAPE}
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selected)) <= allowed, selected
    together = set().union(FROM_THE_SCRAPE, *(KNOWN[name].labels for name in names_in(expression)))
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(map(str.strip, grouped.split(","))) <= together, grouped
    for opened, closed in ("()", "[]", "{}"):
        assert expression.count(opened) == expression.count(closed)


def test_counters_are_read_as_rates_and_quantiles_from_buckets():
    """A counter's value alone says nothing, nor does a quantile of anything but buckets."""
    for expression in expressions():
        for name in names_in(expression):
            if KNOWN[name].kind != "gauge":
                assert re.search(rf"(rate|increase)\({name}", expression), (name, expression)
        for inner in re.findall(r"histogram_quantile\((.*)", expression):
            assert "_bucket" in inner
            assert re.search(r"by \([^)]*\ble\b", inner), inner


def test_every_measure_is_on_the_dashboard():
    """Nothing is measured that nobody sees."""
    shown = {name for panel in panels() for target in panel["targets"] for name in names_in(target["expr"])}
    assert {measure.name for measure in measures.MEASURES} == {KNOWN[name].name for name in shown}


def test_the_dashboard_can_be_imported():
    """Panels have ids of their own, say what they show, ask the chosen data source and do not lie on each other."""
    board = dashboard()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert {"datasource", "job"} == {variable["name"] for variable in board["templating"]["list"]}
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_alerts_say_what_is_wrong_and_what_to_do():
    """Each has a name of its own, a severity, a summary and an action."""
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 10
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert len(rule["annotations"]["summary"]) > 20
        assert len(rule["annotations"]["action"]) > 40
        assert re.fullmatch(r"\d+m", rule.get("for", "1m"))


def test_the_documentation_lists_every_metric():
    """The table of docs/observability.md is what measures.py says."""
    rows = [
        f"| `{measure.exposed}` | {measure.kind} | {', '.join(f'`{name}`' for name in measure.labels)} | {measure.text} |"
        for measure in measures.MEASURES
    ]
    text = (ROOT / "docs" / "observability.md").read_text()
    table = text[text.index("| metric |") :].split("\n\n")[0].splitlines()[2:]
    assert [re.sub(r"\s+", " ", row) for row in table] == [re.sub(r"\s+", " ", row) for row in rows]


def test_names_follow_the_conventions():
    """Times are in seconds and say so, and a counter's name is no unit's."""
    for measure in measures.MEASURES:
        assert measure.exposed.endswith("_seconds") == (measure.kind == "histogram")
        assert re.fullmatch(r"jacie_[a-z_]+", measure.exposed)
        assert all(len(known) == len(measure.labels) for known in measure.known)


def test_everything_counted_is_a_measure_with_its_labels():
    """A call that names an unknown measure, or not exactly its labels, would raise where an answer is given."""
    seen = set()
    by_name = {measure.name: measure for measure in measures.MEASURES}
    for path in sorted((ROOT / "jacie_flask").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("measures.")):
                continue
            kind = CALLS.get(ast.unparse(node.func).removeprefix("measures."))
            if kind:
                measure = by_name[ast.literal_eval(node.args[0])]
                assert measure.kind == kind, ast.unparse(node)
                assert {keyword.arg for keyword in node.keywords} == set(measure.labels), ast.unparse(node)
                seen.add(measure.name)
    # counted by the limits and the circuits of upstreams
    assert set(by_name) - seen <= {"rate_limit_fail_open", "circuit_state"}
