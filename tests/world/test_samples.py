"""Single samples do not say where an animal was, and a constant is no place."""

import numpy as np

from topogrid.world.samples import covered, lost_value, speeds, spikes

T = np.arange(500) / 50
PATH = np.stack([0.5 * np.sin(T), 0.3 * np.sin(1.7 * T)], axis=-1)


def test_the_covered_area_is_that_of_all_samples_but_single_ones() -> None:
    low, high = covered(T, PATH)
    np.testing.assert_array_equal([low, high], [PATH.min(axis=0), PATH.max(axis=0)])
    bad = PATH.copy()
    bad[200] += 3
    np.testing.assert_array_equal(covered(T, bad), [low, high])


def test_spikes_are_samples_that_are_reached_and_left_too_fast() -> None:
    bad = PATH.copy()
    bad[[0, 200, 499]] += 3
    np.testing.assert_array_equal(np.flatnonzero(spikes(speeds(T, bad), 10.0)), [0, 200, 499])
    assert not spikes(speeds(T, PATH), 10.0).any()


def test_a_constant_that_no_animal_walks_to_is_found() -> None:
    assert lost_value(PATH, T, 1.0, 10.0) is None
    bad = PATH.copy()
    bad[100:104] = -1
    found = lost_value(bad, T, 1.0, 10.0)
    assert found is not None
    np.testing.assert_array_equal(np.flatnonzero(found[0]), range(100, 104))
    assert found[1] == "(-1, -1)"
