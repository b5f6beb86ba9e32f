"""Files of a finished run changed at random, and what every command makes of them.

A command runs in a child that is forked from a process with everything imported, so that a crash, a hang or an endless
file ends the child alone. ``python -m tests.faults.mutations N`` tries N mutations and tells the counts.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
import torch._dynamo  # by every child's first optimiser, seconds each time

import train_grid
from tests.faults.any_settings import in_little_time
from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.cli.main import main

RUN = Path("runs/b")
SECONDS = 10.0  # of a processor, for a command
WAITING = 120.0  # seconds by the clock, on a machine that others use too
COMMANDS: dict[str, list[str]] = {
    "list": ["list"],
    "open": ["open", "runs/b", "--no_browser"],
    "compare": ["compare", "runs"],
    "analyze": ["analyze", "runs/b", "--eval_walks", "4", "--long_walks", "2", "--long_seconds", "0.1"],
    "follow": ["follow", "runs/b", "walk.npz"],
    "export": ["export", "runs/b", "exported.safetensors"],
    "resume": ["--resume", "runs/b", "--steps", "5"],
}
WIRINGS = ("dense", "attractor", "learned")
"""Of the kept runs, in turn."""
ALLOWED = (0, 1, 2, 3)
"""Documented exit codes; an unhandled error ends a child with `TRACEBACK` instead."""
TRACEBACK = 77
WRITTEN = ("runs/", "tau_imgs/", "comparison/", "exported.safetensors", "said")
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 3, 1e300, float("inf"), float("nan"), 10**400, "", "x", "\x1b[31m", "../../outside", [], [1, 2],
    {}, {"a": 1}, [[[]]],
)  # fmt: skip


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    """Exit code; minus a signal; `TRACEBACK` for an unhandled error."""
    hung: bool
    text: str
    changed: list[str]
    """Files outside the run, its gallery and what the command line named that are not as they were."""


def bytes_changed(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    match rng.choice(["flip", "cut", "grow", "empty", "junk", "page", "zeros"]):
        case "flip":
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case "cut":
            del data[rng.randrange(len(data)) :]
        case "grow":
            data[rng.randrange(len(data)) : 0] = rng.randbytes(rng.randint(1, 400))
        case "empty":
            data.clear()
        case "junk":
            data[:] = rng.randbytes(300)
        case "page":
            data[:] = b"<html>404</html>"
        case "zeros":
            data[:] = bytes(len(data))
    path.write_bytes(data)


def value_changed(path: Path, rng: random.Random) -> None:
    """Change one value in a JSON file, or in a line of it; in any other file some bytes."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    number = rng.randrange(len(lines))
    value = json.loads(lines[number])
    keys = list(value)
    key = rng.choice(keys)
    match rng.choice(["value", "value", "value", "missing", "unknown", "nested"]):
        case "value":
            value[key] = rng.choice(VALUES)
        case "missing":
            del value[key]
        case "unknown":
            value["an unknown\x1b[31m\nkey"] = rng.choice(VALUES)
        case "nested":
            lines[number] = "[" * 20_000 + "]" * 20_000
            path.write_text("\n".join(lines) + "\n")
            return
    lines[number] = json.dumps(value)
    path.write_text("\n".join(lines) + "\n")


def no_file(path: Path, rng: random.Random) -> None:
    """Put something in the place of a file that is none."""
    path.unlink()
    match rng.choice(["pipe", "zero", "link", "dangling", "folder", "gone", "itself"]):
        case "pipe":
            os.mkfifo(path)
        case "zero":
            path.symlink_to("/dev/zero")
        case "link":
            path.symlink_to(Path("outside/victim").absolute())
        case "dangling":
            path.symlink_to(Path("outside/new").absolute())
        case "folder":
            path.mkdir()
        case "gone":
            pass
        case "itself":
            path.symlink_to(path.name)


def _tensors(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Yield every holder of a value in a checkpoint, with its key."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield value, key
            yield from _tensors(inside, (*where, key))
    elif isinstance(value, list):
        for key, inside in enumerate(value):
            yield value, key
            yield from _tensors(inside, (*where, key))


def tensor_changed(path: Path, rng: random.Random) -> None:
    """Change one value or tensor of a checkpoint, whose digest is then gone."""
    state = torch.load(path, weights_only=True)
    holder, key = rng.choice(list(_tensors(state)))
    old = holder[key]
    new: list[Callable[[], Any]] = [lambda: rng.choice(VALUES[:-1])]
    if isinstance(old, torch.Tensor) and old.is_floating_point():
        new = [
            lambda: torch.zeros(3),
            lambda: torch.zeros(1).expand(old.shape),
            lambda: torch.full_like(old, torch.nan),
            lambda: old * 1e30,
            lambda: old.double() * 1e300,
            lambda: old.half(),
            lambda: old.long(),
            lambda: old.to(torch.complex64),
            lambda: old.to("meta"),
            lambda: old.to_sparse(),
            lambda: old.t().contiguous().t() if old.ndim == 2 else old[:1],
            lambda: torch.zeros(10**6),
            *new,
        ]
    match rng.choice(["new", "new", "new", "gone"]):
        case "new":
            with contextlib.suppress(Exception):
                holder[key] = rng.choice(new)()
        case "gone":
            del holder[key]
    torch.save(state, path)
    path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)


def mutate(rng: random.Random) -> str:
    """Change one file of the run in the folder of now; return what was done."""
    path = rng.choice(sorted(path for path in RUN.rglob("*") if path.is_file()))
    kinds: list[Callable[[Path, random.Random], None]] = [bytes_changed, no_file]
    if path.suffix in (".json", ".jsonl"):
        kinds += [value_changed] * 3
    if path.suffix == ".pt":
        kinds += [tensor_changed] * 6
    kind = rng.choice(kinds)
    kind(path, rng)
    return f"{kind.__name__} {path.relative_to(RUN)}"


def _files_outside() -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(Path().rglob("*")):
        name = path.as_posix()
        if not name.startswith(WRITTEN) and path.is_file() and not path.is_symlink():
            found[name] = (path.stat().st_mtime_ns, path.read_bytes())
    return found


def _child(words: list[str]) -> None:
    """Run a command in this child and end it with its exit code."""
    code = TRACEBACK
    try:
        with Path("said").open("w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            resource_limit()
            code = train_grid.main(words) if words[0].startswith("--") else main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 2
    except BaseException as error:
        Path("said").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def resource_limit() -> None:
    """Let the kernel end a command that takes too much of the processor."""
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + SECONDS) + 1, int(used + SECONDS) + 2))


def run(words: list[str]) -> Outcome:
    """Run a command in a child."""
    before, began = _files_outside(), time.monotonic()
    child = os.fork()
    if child == 0:
        _child(words)
    hung = False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() - began > WAITING:
            hung = True
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    code = os.waitstatus_to_exitcode(status)
    after = _files_outside()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    text = Path("said").read_text(errors="replace") if Path("said").is_file() else ""
    return Outcome(code, hung or code == -signal.SIGXCPU, text, changed)


def fault_of(outcome: Outcome) -> str:
    """Return what is wrong with how a command ended; empty if nothing is."""
    if outcome.hung:
        return "hung"
    if outcome.code not in ALLOWED or "Traceback (most recent call last)" in outcome.text:
        return f"ended with {outcome.code}: {outcome.text[-300:]}"
    return f"changed {', '.join(outcome.changed)}" if outcome.changed else ""


def _save_no_picture(_figure: object, file: Any, **_options: Any) -> None:
    file.write(b"picture")


def try_out(seed: int, commands: list[str]) -> tuple[str, dict[str, Outcome]]:
    """Mutate a fresh copy of the run and call commands on it, each on a copy of its own."""
    rng = random.Random(seed)  # noqa: S311 -- which file is spoilt is no secret
    done: dict[str, Outcome] = {}
    what = ""
    with tempfile.TemporaryDirectory() as desk, in_little_time(Path(desk)):
        shutil.copytree(DATA / KEPT_VERSION / WIRINGS[seed % len(WIRINGS)], RUN)
        shutil.copytree(DATA / "0.1.0" / "dense", "runs/a")
        Path("outside").mkdir()
        Path("outside/victim").write_text("precious\n")
        times = np.arange(60) * 0.02
        np.savez("walk.npz", t=times, pos=0.3 * np.stack([np.cos(times), np.sin(times)], axis=-1))
        what = mutate(rng)
        # Pictures take most of the time and read nothing more: one mutation in twenty has them drawn, but for those of
        # an evaluation, which never come from a file.
        drawn = seed % 20 == 19
        with contextlib.ExitStack() as patched:
            patched.enter_context(patch("topogrid.evaluation.reanalysis.draw_evaluation", lambda *_, **__: {}))
            if not drawn:
                patched.enter_context(patch("topogrid.figures.style._StyledFigure.savefig", _save_no_picture))
            for name in commands:
                done[name] = run(COMMANDS[name])
    return what, done


def explore(n_mutations: int, first_seed: int = 0) -> tuple[Counter[tuple[str, int]], list[str]]:
    """Try so many mutations, each with two commands; return how many ended with which code, and all faults."""
    codes: Counter[tuple[str, int]] = Counter()
    faults = []
    names = list(COMMANDS)
    for number in range(first_seed, first_seed + n_mutations):
        chosen = [names[number % len(names)], names[(number // len(names) + number + 3) % len(names)]]
        what, done = try_out(number, list(dict.fromkeys(chosen)))
        for name, outcome in done.items():
            codes[name, outcome.code] += 1
            if fault := fault_of(outcome):
                faults.append(f"seed {number}, {what}, {name}: {fault}")
    return codes, faults


def main_of(words: list[str]) -> int:
    """Try mutations and tell the counts; a report goes into a file as it grows."""
    total, first = int(words[0]), int(words[1]) if len(words) > 1 else 0
    codes: Counter[tuple[str, int]] = Counter()
    faults: list[str] = []
    for start in range(first, first + total, 10):
        more, found = explore(min(10, first + total - start), start)
        codes += more
        faults += found
        counts = ", ".join(f"{name} {code}: {count}" for (name, code), count in sorted(codes.items()))
        sys.stdout.write(
            "\n  ".join([f"{start + 10 - first} of {total}, {len(faults)} faults; {counts}", *found]) + "\n"
        )
        sys.stdout.flush()
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main_of(sys.argv[1:]))
