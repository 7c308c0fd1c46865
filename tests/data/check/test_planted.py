"""The law: twelve kinds of planted defects are found, and clean rows raise no alarm."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data.check.planted import PLANTS, clean
from weitiao.data.check import Finding, Options, check, material_of_files

_ALARMS = ("serious", "warning")
#: Findings about the data set as a whole: no row is accused.
_OVERALL = ("class_balance", "prompt_sharing", "lengths", "language", "give_away")


def findings_of(folder: Path) -> tuple[Finding, ...]:
    material = material_of_files(
        ["train.jsonl"],
        root=folder,
        prompt="prompt",
        response="label",
        against=["dev.jsonl"],
        options=Options(),
    )
    return check(material)


def accused(findings: tuple[Finding, ...], code: str) -> set[str]:
    return {row for finding in findings if finding.code == code for row in finding.rows}


@pytest.mark.parametrize("kind", PLANTS)
def test_each_kind_alone_is_found(kind: str, tmp_path: Path) -> None:
    rng = random.Random(kind)
    world = clean(rng, 600)
    for _ in range(8):
        PLANTS[kind](world, rng)
    world.write(tmp_path)
    planted = {(code, where) for code, where in world.planted if code != "source"}
    found = findings_of(tmp_path)
    missed = {(code, where) for code, where in planted if where not in accused(found, code)}
    assert not missed, f"{kind}: {sorted(missed)}"


@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(seed=st.integers(0, 2**32))
@example(seed=1167848)  # lists of few keywords repeat each other as classes do
def test_all_kinds_together(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    world = clean(rng, 500)
    for kind in PLANTS:
        for _ in range(2):
            PLANTS[kind](world, rng)
    world.write(tmp_path)
    found = findings_of(tmp_path)
    planted = {(code, where) for code, where in world.planted if code != "source"}
    missed = {(code, where) for code, where in planted if where not in accused(found, code)}
    assert len(missed) <= 0.05 * len(planted), sorted(missed)


@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(seed=st.integers(0, 2**32))
def test_clean_rows_raise_no_alarm(tmp_path: Path, seed: int) -> None:
    world = clean(random.Random(seed), 2000)
    world.write(tmp_path)
    alarms: Counter[str] = Counter()
    for finding in findings_of(tmp_path):
        if finding.severity in _ALARMS and finding.code not in _OVERALL:
            alarms[finding.code] += max(1, len(finding.rows))
    assert alarms.total() <= 2, alarms


def test_there_are_twelve_kinds() -> None:
    assert len(PLANTS) == 12
