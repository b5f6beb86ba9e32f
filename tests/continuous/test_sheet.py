"""Bumps form on a sheet, flow with the movement, and the slower the longer tau is."""

import numpy as np
import pytest

from topogrid.continuous.flow import bumps_of, straight_flow
from topogrid.continuous.sheet import ROW_APART, SPEED_PER_DRIVE, Sheet, ramp


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    return Sheet(48, 96)


def test_activity_settles_into_bumps_a_lattice_apart(sheet: Sheet) -> None:
    activity = sheet.settled(np.full(96, 8.0), np.random.default_rng(0))
    assert activity.shape == (1, 48, 96)
    bumps = bumps_of(activity[0])
    # A hexagonal lattice has one bump in each rectangle of a row and 2 / sqrt(3) rows.
    assert len(bumps) == pytest.approx(48 * 96 / (ROW_APART**2 * 2 / np.sqrt(3)), rel=0.2)
    assert 0.1 < (activity > 1e-3).mean() < 0.5
    still = sheet.step(activity, [[0.0, 0.0]], 8.0)
    assert np.abs(still - activity).max() < 1e-3


@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.0, 1.0), (-0.6, 0.8)])
def test_bumps_flow_where_the_movement_goes_at_a_speed_of_one_over_tau(
    sheet: Sheet, direction: tuple[float, float]
) -> None:
    for tau in (6.0, 12.0):
        flow = straight_flow(sheet, np.full(96, tau), direction, rng=np.random.default_rng(1), n_steps=900, skipped=300)
        assert np.nanmedian(flow) * tau == pytest.approx(SPEED_PER_DRIVE, rel=0.1)


def test_sheets_of_a_batch_do_not_meet(sheet: Sheet) -> None:
    rng = np.random.default_rng(2)
    activity = rng.random((2, 48, 96)).astype(np.float32)
    drive = np.array([[0.1, 0.0], [0.0, -0.1]])
    both = sheet.step(activity, drive, ramp(96, 10.0, 2.0))
    for one in range(2):
        alone = sheet.step(activity[one : one + 1], drive[one : one + 1], ramp(96, 10.0, 2.0))
        np.testing.assert_allclose(both[one], alone[0], atol=1e-6)


def test_a_shift_of_the_sheet_by_a_block_shifts_what_follows(sheet: Sheet) -> None:
    activity = np.random.default_rng(3).random((1, 48, 96)).astype(np.float32)
    here = sheet.step(activity, [[0.05, 0.02]], 5.0)
    there = sheet.step(np.roll(activity, (2, 4), (1, 2)), [[0.05, 0.02]], 5.0)
    np.testing.assert_allclose(np.roll(here, (2, 4), (1, 2)), there, atol=1e-5)


def test_a_ramp_goes_up_and_down_by_its_ratio() -> None:
    tau = ramp(1000, 12.0, 4.0)
    np.testing.assert_allclose(tau, tau[::-1])
    assert tau.max() / tau.min() == pytest.approx(4.0, rel=0.01)
    assert np.exp(np.log(tau).mean()) == pytest.approx(12.0, rel=1e-6)
    np.testing.assert_allclose(ramp(10, 3.0, 1.0), 3.0)


@pytest.mark.parametrize(("rows", "columns"), [(47, 96), (48, 95), (16, 96), (48, 0)])
def test_sides_that_blocks_do_not_fill_are_refused(rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match=r"rows|columns"):
        Sheet(rows, columns)


def test_a_ratio_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1 or more, got 0\.5"):
        ramp(96, 12.0, 0.5)
