"""Several processes that train one network, started by ``torchrun``: who is who, and what they tell each other.

Every process draws the walks of the whole batch from the same generator. Of a dense network it learns from its own
share of them, and gradients are averaged by `DistributedDataParallel`; of a sheet with modules it computes its own
share of those, `topogrid.training.module_shares`. So K processes compute what one would, up to the order of sums, and
what a checkpoint holds does not depend on K.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

# Processes wait for each other this long: the first one evaluates and saves while the others wait.
PATIENCE = datetime.timedelta(hours=2)


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen by one of them; alone by default, and then nothing here costs anything."""

    rank: int = 0
    """Number of this process over all machines; 0 logs, evaluates and saves."""
    count: int = 1
    """How many there are."""
    local_rank: int = 0
    """Number of this process on its machine, and of its GPU."""

    @property
    def alone(self) -> bool:
        """Whether this is the only process."""
        return self.count == 1

    @property
    def first(self) -> bool:
        """Whether this process logs, evaluates and saves."""
        return self.rank == 0

    def device(self, wanted: str) -> str:
        """Device of this process, from the one asked for: with several, each takes the GPU of its own number.

        Raises
        ------
        ValueError
            If one GPU is named for all of them, or a device that cannot be shared.
        """
        if self.alone:
            return wanted
        if wanted in ("auto", "cuda"):
            return f"cuda:{self.local_rank}" if wanted == "cuda" or torch.cuda.is_available() else "cpu"
        if wanted != "cpu":
            raise ValueError(f"{self.count} processes cannot all train on {wanted!r}; use --device cuda, cpu or auto")
        return wanted

    def share(self, batch_size: int) -> slice:
        """Return the walks of the whole batch that this process learns from."""
        each = batch_size // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network to call in training, whose gradients are averaged over the processes."""
        if self.alone:
            return network
        device = next(network.parameters()).device
        return DistributedDataParallel(
            network,
            device_ids=[device] if device.type == "cuda" else None,
            broadcast_buffers=False,
            gradient_as_bucket_view=True,
        )

    def average_gradients(self, network: nn.Module) -> None:
        """Average what gradients there are over the processes, in one message; all have the same ones."""
        if self.alone:
            return
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        if not gradients:
            return
        together = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(together)
        together /= self.count
        parts = torch.split(together, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, values: Tensor) -> Tensor:
        """Sum over the processes in place, on the device."""
        if not self.alone:
            distributed.all_reduce(values)
        return values

    def spread(self, values: Tensor, source: int) -> Tensor:
        """Return the values of one process, in place of one's own."""
        if not self.alone:
            distributed.broadcast(values, src=source)
        return values

    def mean(self, values: Tensor) -> Tensor:
        """Average over the processes, on the device."""
        if not self.alone:
            distributed.all_reduce(values)
            values = values / self.count
        return values

    def everywhere(self, condition: Tensor) -> Tensor:
        """Whether a condition holds in every process, on the device."""
        if self.alone:
            return condition
        held = condition.float()
        distributed.all_reduce(held, distributed.ReduceOp.MIN)
        return held.bool()

    def agree(self, exit_code: int | None) -> int | None:
        """Exit code that any process was asked to stop with; all have to call this at the same step.

        It goes between the processors, so that no GPU is waited for.
        """
        if self.alone:
            return exit_code
        code = torch.tensor(exit_code or 0)
        distributed.all_reduce(code, distributed.ReduceOp.MAX)
        return int(code) or None

    def tell(self, word: Any = None) -> Any:
        """Return what the first process says; the others wait for it."""
        if self.alone:
            return word
        words = [word]
        distributed.broadcast_object_list(words, src=0, device=torch.device("cpu"))
        return words[0]


ALONE = Processes()


@contextmanager
def joined() -> Iterator[Processes]:
    """Meet the other processes that ``torchrun`` started, if it did.

    Raises
    ------
    ValueError
        If the environment names several processes but not how to meet them, or this PyTorch cannot.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    if not distributed.is_available():
        raise ValueError(f"this PyTorch was built without distributed training, which {count} processes need")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield Processes(int(os.environ["RANK"]), count, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        distributed.destroy_process_group()
