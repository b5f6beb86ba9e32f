"""What every test gets: no account, no folder of its user's, the same examples and signals every time."""

import signal

import pytest
from hypothesis import settings

settings.register_profile("topogrid", deadline=None, derandomize=True, database=None)
settings.load_profile("topogrid")


def pytest_configure() -> None:
    """Hear signals that a background job of a shell, or ``nohup``, begins with ignored; runs inherit that."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the W&B settings of whoever runs the tests: no test can reach an account or write into a home folder."""
    home = tmp_path_factory.mktemp("wandb_home")
    for name in ("WANDB_API_KEY", "WANDB_ENTITY", "WANDB_PROJECT", "WANDB_RUN_ID", "WANDB_RESUME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("NETRC", str(home / "no_netrc"))
    for name in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(home))
