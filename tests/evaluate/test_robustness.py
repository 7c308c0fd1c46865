"""The curve of quality against error rate: scores, intervals, the section of the page."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.evaluate import compare, score
from weitiao.evaluate.robustness import Rate, applies, curves, view
from weitiao.evaluate.robustness_page import render

LABELS = ("甲", "乙", "丙")
REFERENCES = [LABELS[n % 3] for n in range(30)]
RATES = (Rate(0.0, 0.0, 0), Rate(0.1, 0.098, 21), Rate(0.3, 0.291, 30))


def answers(share: float, seed: int) -> list[str]:
    """Answers of which about this share is right."""
    rng = random.Random(seed)
    return [said if rng.random() < share else "甲" for said in REFERENCES]


def section(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "noisy": [answers(0.9, 1), answers(0.8, 2), answers(0.7, 3)],
        "clean": [answers(0.9, 4), answers(0.5, 5), answers(0.1, 6)],
    }
    known: dict[str, Any] = {"metrics": ("exact",), "bootstrap": 100, "seed": 3}
    return curves(given, REFERENCES, RATES, **{**known, **changes})


def test_a_point_is_what_score_gives() -> None:
    made = section(metrics=("exact", "rouge"))
    for k in range(len(RATES)):
        alone = score(
            answers((0.9, 0.8, 0.7)[k], k + 1), REFERENCES, ("exact", "rouge"), bootstrap=100, seed=3
        )
        assert made["curves"][0]["points"][k] == {name: e.as_dict() for name, e in alone.items()}


def test_differences_are_paired() -> None:
    made = section()
    alone = compare(answers(0.1, 6), answers(0.7, 3), REFERENCES, ("exact",), 100, 3).difference
    assert alone is not None
    (difference,) = made["differences"]
    assert (difference["name"], difference["less"]) == ("noisy", "clean")
    assert difference["points"][2] == {name: e.as_dict() for name, e in alone.items()}


def test_groups_are_drawn_whole_as_in_the_report() -> None:
    groups = [str(n // 3) for n in range(len(REFERENCES))]
    made = section(groups=groups)
    alone = compare(answers(0.1, 6), answers(0.7, 3), REFERENCES, ("exact",), 100, 3, groups=groups)
    assert alone.difference is not None
    assert made["curves"][0]["points"][2] == {name: e.as_dict() for name, e in alone.after.items()}
    assert made["differences"][0]["points"][2] == {name: e.as_dict() for name, e in alone.difference.items()}
    assert made["curves"] != section()["curves"]
    page = render({"name": "x", "robustness": made, "notes": [], "facts": {"seed": 3}}, [])
    assert "30 rows are 10 groups" in page


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.sampled_from(LABELS), min_size=9, max_size=9), min_size=3, max_size=3))
def test_intervals_hold_their_values_and_n(said: list[list[str]]) -> None:
    made = curves({"a": said}, REFERENCES[:9], RATES, metrics=("exact",), bootstrap=100)
    for point in made["curves"][0]["points"]:
        for number in point.values():
            assert number["low"] <= number["value"] <= number["high"]
            assert number["n"] == made["n"] == 9
    assert made["differences"] == []


def test_the_metric_that_is_drawn() -> None:
    assert section()["metric"] == "exact"
    assert section(metric="accuracy")["metric"] == "accuracy"
    assert section(metric="bleu", metrics=("exact",))["metric"] == "bleu_char"
    assert applies("accuracy", ["a", "b"]).endswith("fewer than 3 for each")
    assert applies("accuracy", REFERENCES) == applies("exact", ["a"]) == ""
    with pytest.raises(ValueError, match="none of accuracy applies"):
        curves({"a": [["x"], ["x"], ["x"]]}, ["x"], RATES, metrics=("accuracy",))


def test_the_section_has_curve_and_table() -> None:
    made = section()
    shown = view(made)
    assert shown.heads == ["noisy", "clean"]
    assert len(shown.rows) == 3
    chart = str(shown.chart)
    assert chart.count("<polygon") == chart.count("<polyline") == 2
    assert chart.count("<circle") == 6
    assert "clearly above clean" in shown.headline
    page = render({"name": "<b>", "robustness": made, "notes": [], "facts": {"seed": 3}}, [])
    assert str(shown.chart) in page
    assert "&lt;b&gt;" in page
    assert "<script" not in page


def test_one_rate_and_more_models_than_colours() -> None:
    names = [f"m{k}" for k in range(6)]
    made = curves({name: [answers(0.5, 1)] for name in names}, REFERENCES, RATES[:1], metrics=("exact",))
    shown = view(made)
    assert "With 0.0% of the characters wrong" in shown.headline
    assert [s.style for s in shown.series] == ["a", "b", "c", "d", "a", "b"]
    assert "<circle" in str(shown.chart)
