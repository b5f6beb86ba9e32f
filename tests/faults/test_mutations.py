"""Whatever happens to a file of a run, every command answers with a documented exit code and writes nowhere else."""

import pytest

from tests.faults.mutations import explore


@pytest.mark.slow
def test_300_mutations_end_with_documented_codes_and_nothing_written_outside() -> None:
    _codes, faults = explore(300)
    assert faults == []


@pytest.mark.slow
def test_a_few_mutations() -> None:
    """One for every command, in ``make test``."""
    _codes, faults = explore(7)
    assert faults == []
