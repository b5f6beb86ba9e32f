"""A signal asks to stop and is obeyed at leisure; a second one is obeyed at once."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from topogrid.session.stopping import Abandoned, StopRequest

ROOT = Path(__file__).resolve().parents[2]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143, signal.SIGUSR1: 143}


@pytest.fixture(autouse=True)
def _harmless_handlers() -> Iterator[None]:
    """Keep a failing test from ending pytest: what gets past the request lands here."""
    before = {number: signal.signal(number, lambda *_: pytest.fail("not caught")) for number in CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), CODES.items())
def test_a_signal_sets_the_code_to_exit_with(number: signal.Signals, code: int) -> None:
    with StopRequest() as request:
        assert request.exit_code is None
        os.kill(os.getpid(), number)
        assert request.exit_code == code
    assert request.exit_code == code


def test_handlers_are_put_back_also_after_an_error() -> None:
    before = {number: signal.getsignal(number) for number in CODES}
    with StopRequest():
        assert all(signal.getsignal(number) != handler for number, handler in before.items())
    assert {number: signal.getsignal(number) for number in CODES} == before
    with pytest.raises(RuntimeError, match="boom"), StopRequest():
        raise RuntimeError("boom")
    assert {number: signal.getsignal(number) for number in CODES} == before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """``nohup`` ignores SIGHUP, so that closing the terminal does not stop the run."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGHUP)
        assert request.exit_code is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def give_up() -> None:
    """Do work that takes every error for one of its own."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except Exception:
        pytest.fail("caught")


def test_work_that_is_given_up_cannot_take_the_signal_for_an_error_of_its_own() -> None:
    with StopRequest() as request:
        with pytest.raises(Abandoned), request.abandoning():
            give_up()
        assert request.exit_code == 143


def test_the_first_signal_is_answered_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "topogrid")
    with StopRequest():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert caplog.messages == ["SIGUSR1: this step is finished and the run is saved; a second signal ends it at once"]


def test_outside_the_main_thread_nothing_is_caught_and_nothing_fails() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def work() -> None:
        with StopRequest() as request:
            seen.extend((signal.getsignal(signal.SIGTERM), request.exit_code))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, None]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("SIGTERM", "SIGTERM", 143), ("SIGINT", "SIGINT", 130), ("SIGUSR1", "SIGTERM", 143), ("SIGTERM", "SIGINT", 130)],
)
def test_a_second_signal_ends_the_process_at_once(first: str, second: str, code: int) -> None:
    script = f"""
import os, signal
from topogrid.session.stopping import StopRequest
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore some
with StopRequest() as request:
    try:
        os.kill(os.getpid(), signal.{first})
        print("saving", request.exit_code, flush=True)
        os.kill(os.getpid(), signal.{second})
        print("not reached", flush=True)
    finally:
        print("not reached either", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert done.stdout == f"saving {CODES[signal.Signals[first]]}\n"
