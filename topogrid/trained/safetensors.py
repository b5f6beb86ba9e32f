"""Trained weights in the safetensors format, which other tools open without running any code; settings travel along.

Needs the optional package safetensors: ``pip install '.[export]'``.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from topogrid.files import one_line, put_in_place, write_beside
from topogrid.runs.errors import CheckpointError
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import from_mapping
from topogrid.trained.trained import Trained
from topogrid.trained.weights import LOG_TAU, build, checked_weights, listed

SUFFIX = ".safetensors"
FORMAT = "topogrid 1"
_CENTRES = "place_centres"
_KEPT_WHOLE = (LOG_TAU, _CENTRES)
_LARGEST_SETTINGS = 1_000_000  # characters; real ones are 3 kB


def export_weights(trained: Trained, path: str | Path, *, half: bool = False) -> Path:
    """Write the weights and place-field centres of a trained network, with its settings in the metadata.

    Parameters
    ----------
    trained : Trained
    path : str or Path
        File to write, ``.safetensors``; one that exists is not overwritten.
    half : bool
        Write weights in half precision, which takes half the room and rounds them to three digits. Time constants and
        place-field centres stay as they are.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the name ends otherwise, or the file exists.
    CheckpointError
        If the package safetensors is missing, or a value is not finite, or too large for half precision.
    OSError
        If the disk does not take it.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(f"weights are exported to a file named *{SUFFIX}, got {path}")
    if os.path.lexists(path):
        raise ValueError(f"{path} exists and is not overwritten; give another name")
    package = _package()
    tensors = {name: value.detach().contiguous() for name, value in trained.network.state_dict().items()}
    tensors[_CENTRES] = trained.place_cells.centres.contiguous()
    for name, value in tensors.items():
        if not bool(value.isfinite().all()):
            raise CheckpointError(f"{name} of {trained.origin} has values that are not finite; nothing is exported")
    if half:
        tensors = {name: value if name in _KEPT_WHOLE else _halved(name, value) for name, value in tensors.items()}
    metadata = {"format": FORMAT, "step": str(trained.step), "config": json.dumps(dataclasses.asdict(trained.config))}
    data: bytes = package.save(tensors, metadata=metadata)
    put_in_place(write_beside(path, lambda file: file.write(data)), path)
    return path


def _halved(name: str, value: Tensor) -> Tensor:
    halved = value.half()
    if not bool(halved.isfinite().all()):
        raise CheckpointError(f"{name} has values above {torch.finfo(torch.half).max:g}; leave --half out")
    return halved


def import_weights(path: str | Path) -> Trained:
    """Read what `export_weights` wrote, onto the CPU.

    Raises
    ------
    CheckpointError
        If it is no such file, is damaged, or its weights do not fit its settings.
    SettingsError
        If its settings cannot be used, or need more memory than there is.
    """
    where = str(path)
    if not Path(path).is_file():
        raise CheckpointError(f"there is no file {path}, or it is no regular one")
    _package()
    from safetensors import safe_open

    try:
        with safe_open(where, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            config, step = _described(metadata, where)
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (CheckpointError, SettingsError):
        raise
    except Exception as error:  # the package has an exception of its own, and passes on others
        raise CheckpointError(f"{path} is no safetensors file that can be read: {one_line(error)}") from error
    centres = tensors.pop(_CENTRES, None)
    if centres is None:
        raise CheckpointError(f"{path} lacks {_CENTRES}; it holds {listed(tensors)}")
    rounded = any(value.dtype == torch.half for value in tensors.values())
    network, place_cells = build(checked_weights(tensors, where), centres, config, where)
    notes = ("its weights were rounded to half precision when they were exported",) if rounded else ()
    return Trained(network, place_cells, config, step, where, notes=notes)


def _described(metadata: dict[str, str], where: str) -> tuple[TrainConfig, int]:
    """Read settings and step out of the metadata."""
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{where} was not exported by topogrid: its metadata hold {listed(metadata)}")
    text, step = metadata.get("config", ""), metadata.get("step", "")
    try:
        config = from_mapping(
            dict(json.loads(text[:_LARGEST_SETTINGS])), f"settings in {where}", versioned=False
        ).config
    except SettingsError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{where} holds no settings that this version of topogrid reads") from error
    if not (step.isascii() and step.isdigit() and len(step) < 16):
        raise CheckpointError(f"step in {where} must be a whole number of steps, got {step[:60]!r}")
    return config, int(step)


def _package() -> ModuleType:
    try:
        import safetensors.torch
    except ImportError as error:
        raise CheckpointError(
            "weights in safetensors format need the package safetensors; run: pip install '.[export]'"
        ) from error
    return safetensors.torch
