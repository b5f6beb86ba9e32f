"""One small network, measured once, for all tests of what is changed in it; surrogates are few."""

from collections.abc import Iterator

import pytest

from tests.changed_networks import usual_measures, usual_subject
from tests.quick_evaluations import few_surrogates
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    with few_surrogates():
        yield


@pytest.fixture(scope="module")
def subject() -> Condition:
    return usual_subject()


@pytest.fixture(scope="module")
def before() -> Evaluation:
    return usual_measures()
