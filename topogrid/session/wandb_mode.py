"""Whether a run is mirrored to Weights & Biases: by what was asked for, the environment, and whether there is a key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

MOST_LETTERS = 64  # of a tag or an id
MODES = ("online", "offline", "disabled")


class TrackingError(Exception):
    """W&B was asked for in a way that cannot work; the message is one sentence for a person."""


class Mode(NamedTuple):
    """How W&B is used, and why."""

    mode: str
    reason: str


def resolve_mode(flag: str | None, env: str | None, has_key: bool) -> Mode:
    """Decide how W&B is used: the flag, else ``WANDB_MODE``, else online with a key and offline without.

    Parameters
    ----------
    flag : {"online", "offline", "disabled", "auto"} or None
        What the user asked for; ``auto`` is as good as nothing.
    env : str or None
        Value of ``WANDB_MODE``.
    has_key : bool
        Whether W&B has an API key.

    Raises
    ------
    TrackingError
        If the flag says online and there is no key.
    ValueError
        If the flag is none of the above.
    """
    if flag not in (None, "auto", *MODES):
        raise ValueError(f"the W&B mode is one of auto, {', '.join(MODES)}; got {flag!r}")
    if flag == "online" and not has_key:
        raise TrackingError(
            "--wandb online needs an API key and there is none: "
            "run `wandb login`, set WANDB_API_KEY, or leave the flag out"
        )
    if flag in MODES:
        return Mode(str(flag), f"--wandb {flag}")
    asked = {"dryrun": "offline", "run": "online"}.get(env or "", env)
    if asked == "online" and not has_key:
        return Mode("offline", f"WANDB_MODE={env}, but there is no API key; `wandb login` makes one")
    if asked in MODES:
        return Mode(str(asked), f"WANDB_MODE={env}")
    ignored = f"; WANDB_MODE={env} is not known" if env else ""
    if has_key:
        return Mode("online", "an API key is there" + ignored)
    return Mode("offline", "no API key; `wandb login` makes one" + ignored)


def choose_mode(flag: str | None) -> Mode:
    """Apply `resolve_mode` to this machine; asks W&B for a key only if the answer matters, and never a person.

    Raises
    ------
    TrackingError, ValueError
        See `resolve_mode`.
    """
    env = os.environ.get("WANDB_MODE")
    if (env if flag in (None, "auto") else flag) != "disabled":
        _check_environment()
    if flag in ("offline", "disabled") or (flag in (None, "auto") and env in ("offline", "disabled", "dryrun")):
        return resolve_mode(flag, env, has_key=False)
    return resolve_mode(flag, env, _has_key())


def _check_environment() -> None:
    """Refuse what W&B reads from the environment and would refuse after the run has begun."""
    run_id = os.environ.get("WANDB_RUN_ID", "")
    if run_id and not is_run_id(run_id):
        raise TrackingError(
            f"WANDB_RUN_ID in the environment must be 1 to {MOST_LETTERS} letters, digits, - and _, got "
            f"{run_id[:80]!r}; unset it, or train with --wandb disabled"
        )
    tags = [tag.strip() for tag in os.environ.get("WANDB_TAGS", "").split(",")]
    wrong = next((tag for tag in tags if len(tag) > MOST_LETTERS), None)
    if wrong is not None:
        raise TrackingError(
            f"each of WANDB_TAGS in the environment must have at most {MOST_LETTERS} letters, got {wrong[:80]!r}; "
            "shorten it, or train with --wandb disabled"
        )


def is_run_id(text: object) -> bool:
    """Whether W&B takes this as the id of a run, which also becomes part of a path."""
    return isinstance(text, str) and re.fullmatch(rf"[\w-]{{1,{MOST_LETTERS}}}", text, re.A) is not None


def _has_key() -> bool:
    with environment({"WANDB_SILENT": "true"}), suppress(Exception):
        import wandb

        return bool(wandb.login(prompt=False, verify=False))
    return False


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that are not set, for a while."""
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
