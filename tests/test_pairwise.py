"""The rows of tests/pairwise.py against all rows, by brute force."""

import itertools
import random

import pytest

from tests.pairwise import Setting, covering_rows, pairs_of


def never(one, other):
    return False


def all_rows(factors, conflict):
    """Every row without conflicts, however many."""
    rows = []
    for values in itertools.product(*factors.values()):
        row = dict(zip(factors, values, strict=True))
        settings = list(itertools.starmap(Setting, row.items()))
        if not any(conflict(*pair) for pair in itertools.combinations(settings, 2)):
            rows.append(row)
    return rows


def used(rows):
    return {setting for row in rows for setting in row.items()}


def random_case(seed):
    source = random.Random(seed)
    factors = {
        name: [f"{name}{i}" for i in range(source.randint(1, 5))]
        for name in "abcde"[: source.randint(2, 5)]
    }
    forbidden = {
        (one, other)
        for one, other in itertools.combinations(
            [Setting(name, value) for name in factors for value in factors[name]], 2
        )
        if one.factor != other.factor and source.random() < 0.15
    }
    return factors, lambda one, other: (one, other) in forbidden


@pytest.mark.parametrize("seed", range(60))
def test_all_pairs_that_can_meet_do_and_no_others(seed):
    factors, conflict = random_case(seed)
    possible = all_rows(factors, conflict)
    if len(used(possible)) < sum(map(len, factors.values())):
        with pytest.raises(ValueError, match="is in no row without conflicts"):
            covering_rows(factors, conflict)
        return
    rows = covering_rows(factors, conflict)
    assert all(row in possible for row in rows)
    assert all(list(row) == list(factors) for row in rows)
    assert set().union(*map(pairs_of, rows)) == set().union(*map(pairs_of, possible))
    assert len(rows) == len({tuple(row.values()) for row in rows})
    assert covering_rows(factors, conflict) == rows


def test_there_are_enough_cases_of_both_kinds():
    counts = [len(all_rows(*random_case(seed))) for seed in range(60)]
    assert max(counts) > 100
    cases = [random_case(seed) for seed in range(60)]
    whole = [
        len(used(all_rows(*case))) == sum(map(len, case[0].values())) for case in cases
    ]
    assert 20 < sum(whole) < 40


@pytest.mark.parametrize(("sizes", "most"), [((2,) * 5, 8), ((5, 4, 3, 2), 24)])
def test_rows_are_few(sizes, most):
    factors = {f"f{i}": list("abcde"[:size]) for i, size in enumerate(sizes)}
    rows = covering_rows(factors, never)
    largest = sorted(sizes)[-2:]
    assert largest[0] * largest[1] <= len(rows) <= most


def test_a_value_that_goes_with_nothing_is_named():
    factors = {"neck": ["one", "other"], "head": ["only"]}
    with pytest.raises(ValueError, match="factor='neck', value='other'"):
        covering_rows(factors, lambda one, other: one.value == "other")
