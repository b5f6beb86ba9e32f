"""What does not fit a recurrence is refused with what was wanted and what came."""

import pytest
import torch

from topogrid.model.recurrence_inputs import check_moments, check_shapes, check_words


def test_moments_rise_within_a_walk() -> None:
    for fine in ([], [0], [0, 4], range(5)):
        check_moments(list(fine), 5)
    for wrong in ([5], [-1], [2, 2], [3, 1], [0, 5]):
        with pytest.raises(ValueError, match=r"steps from 0 to 4 in rising order, got \["):
            check_moments(wrong, 5)


def test_words_are_those_that_are_known() -> None:
    check_words("relu", "module", "bf16", "identity")
    with pytest.raises(ValueError, match="precision must be 'fp32' or 'bf16', got 'fp16'"):
        check_words("relu", "none", "fp16", "identity")


def test_shapes_belong_together() -> None:
    start, displacement = torch.zeros(2, 3, 4), torch.zeros(6, 3, 2)
    fine = {"w_in": torch.zeros(2, 4, 2), "w_rec": torch.zeros(2, 4, 4), "tau": None}
    check_shapes(displacement, start, fine)
    with pytest.raises(ValueError, match=r"w_rec must be \(2, 4, 4\)"):
        check_shapes(displacement, start, fine | {"w_rec": torch.zeros(2, 4, 5)})
