"""What this machine can do: which device to train on and at which precision."""

from __future__ import annotations

import ctypes
import math
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from topogrid.model.products import Precision

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER_TRIM = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep the memory it frees, instead of giving it back and asking for it again every step.

    A training step on the CPU allocates hundreds of megabytes in large blocks. glibc maps and unmaps each, and the
    system clears every page anew. Call it once, before training.

    Returns
    -------
    bool
        Whether the C library took the advice; only glibc knows it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM))


def choose_device(wanted: str = "auto") -> torch.device:
    """Device to train on; ``auto`` takes CUDA, then Apple's MPS, then the CPU.

    A CUDA device always has its index, as PyTorch refuses to make one without it the current one.

    Raises
    ------
    ValueError
        If ``wanted`` names no device PyTorch knows, or one that this machine does not have.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N or mps, got {wanted!r}") from error
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if device.type not in present:
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N or mps, got {wanted!r}")
    # PyTorch keeps an index in 8 bits: cuda:200 comes back as cuda:-56.
    if not 0 <= (device.index or 0) < present[device.type]:
        raise ValueError(
            f"device {wanted!r} was asked for, but PyTorch sees {present[device.type]} of that kind here; "
            "use --device auto"
        )
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """Precision of matrix products; ``auto`` takes bf16 where the processor multiplies it natively, else fp32."""
    if wanted == "fp32":
        return "fp32"
    if wanted == "bf16":
        return "bf16"
    if wanted != "auto":
        raise ValueError(f"precision must be auto, fp32 or bf16, got {wanted!r}")
    return "bf16" if _multiplies_bf16(device) else "fp32"


def use_tensor_cores(device: torch.device, precision: Precision) -> None:
    """Let CUDA round the inputs of the remaining fp32 products to 19 bits (TF32) where bf16 is good enough anyway."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if precision == "bf16" else "highest")


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory_mb() -> float:
    """Most memory held so far, MB: on the GPU if there is one, else by the process; NaN where no system says it."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    # What getrusage says of a process begins at the peak of the one that started it.
    told = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8")) if status.is_file() else None
    if told:
        return int(told[1]) / 2**10
    try:
        import resource
    except ImportError:  # Windows has no such module
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def compiler_trouble(device: torch.device) -> str:
    """Why ``torch.compile`` does not work here; empty if it does. Compiles a line to find out, which takes seconds."""

    def line(values: torch.Tensor) -> torch.Tensor:
        return torch.relu(values + 1)

    try:
        torch.compile(line)(torch.zeros(8, device=device))
    except Exception as error:  # compilers fail in as many ways as there are compilers
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return lines[0][:200]
    return ""


def read_scalars(values: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Bring scalars to the host in one piece; one by one, a GPU would be waited for as often.

    From CUDA they travel into pinned memory, and only what was asked of the GPU before is waited for.
    """
    if not values:
        return {}
    together = torch.stack([value.float() for value in values.values()])
    if together.device.type == "cuda":
        host = torch.empty(together.shape, dtype=together.dtype, pin_memory=True)
        host.copy_(together, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        arrived.synchronize()
        together = host
    return dict(zip(values, together.tolist(), strict=True))


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # Without these instructions bf16 products are emulated and slower than fp32. PyTorch has no public way to ask.
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, bool)() for probe in probes)
    return False
