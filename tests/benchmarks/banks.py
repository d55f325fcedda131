"""Banks of filters, the layers of a CNN, beside torch.

Both contestants take and give their own layout, (H, W, C) and (N, C, H, W), in float32 with a
border of zeros; torch is timed with plain tensors and with channels last.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from peers import Contestant

from convcli import cross_correlate

COUNTS = (8, 32, 64, 256, 512)
SIDES = (3, 5)
SHAPE = (512, 512, 3)
PEERS = ("torch", "torch-last")


class Bank(NamedTuple):
    """A row: ``filters`` filters of ``side`` x ``side`` x 3."""

    filters: int
    side: int

    @property
    def name(self) -> str:
        return f"bank of {self.filters} {self.side}x{self.side}x3"


def banks(quick: bool = False) -> Iterator[Bank]:
    """Yield the banks."""
    for side in SIDES:
        for count in COUNTS:
            if not quick or (count <= 64 and side == 3):
                yield Bank(count, side)


def contestants(bank: Bank) -> dict[str, Contestant]:
    """Return convcli and torch, ready to run."""
    rng = np.random.default_rng(bank.filters)
    image = rng.normal(size=SHAPE).astype(np.float32)
    shape = (bank.filters, SHAPE[2], bank.side, bank.side)
    weights = rng.normal(size=shape).astype(np.float32)

    def run() -> NDArray[Any]:
        return cross_correlate(image, weights, border="zero", dtype=np.float32)

    return {"convcli": Contestant(run), **_torch(image, weights)}


def _torch(image: NDArray[Any], weights: NDArray[Any]) -> dict[str, Contestant]:
    import torch

    def contestant(layout: Any) -> Contestant:
        batch = torch.from_numpy(image.transpose(2, 0, 1)[np.newaxis].copy())
        batch = batch.contiguous(memory_format=layout)
        filters = torch.from_numpy(weights).contiguous(memory_format=layout)

        @torch.inference_mode()
        def run() -> Any:
            return torch.nn.functional.conv2d(batch, filters, padding="same")

        return Contestant(run, lambda maps: maps[0].numpy().transpose(1, 2, 0))

    layouts = (torch.contiguous_format, torch.channels_last)
    return {name: contestant(layout) for name, layout in zip(PEERS, layouts, strict=True)}
