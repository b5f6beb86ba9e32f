"""What the topographic loss did is told from the records, and only where there is something to compare."""

from tests.study.made_records import record
from topogrid.study.table import rows_of
from topogrid.study.topography import topography_sentences, topography_table


def rows(cells: float = 0.0, arms: tuple[str, ...] = ("dense", "dense_topo")) -> list:
    made = [record(arm, seed, cells=cells) for arm in arms for seed in range(2)]
    for one in made:
        if one["arm"] == "dense_topo":
            one["patches"] |= {"smallest_score": 0.9, "orientation_sd": 1.0 + one["seed"]}
            one["connections"] |= {"locality": 3.0}
    return rows_of(made)


def test_the_two_arms_are_compared() -> None:
    said = " ".join(topography_sentences(rows()))
    assert "over those between all units: 3.00 with the loss, 2.00 without it" in said
    assert "score in a patch: 0.90 with the loss, 0.80 without it" in said
    assert "degrees: 1.5 (-4.9 to 7.9) with the loss, 3.0 without it" in said


def test_few_grid_cells_are_told() -> None:
    assert "0 % of these units are grid cells, too few" in " ".join(topography_sentences(rows()))
    assert "too few" not in " ".join(topography_sentences(rows(cells=0.5)))


def test_one_arm_is_no_comparison() -> None:
    assert topography_sentences(rows(arms=("dense_topo",))) == []


def test_every_arm_has_a_row() -> None:
    columns, body = topography_table(rows())
    assert [line[0] for line in body] == ["dense", "dense_topo"]
    assert body[1][columns.index("patch score")] == "0.90"
