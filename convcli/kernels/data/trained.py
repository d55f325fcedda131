"""Filters that a network learned: plain data without numpy; the weights lie in files beside it."""

from typing import NamedTuple

PREFIX = "trained:"


class TrainedBank(NamedTuple):
    """A bank of learned filters, in ``FILE.npy`` with its license in ``FILE.txt``.

    ``summary`` says what the filters are, and ``note`` how their network applies them.
    """

    name: str
    file: str
    summary: str
    note: str
    source: str


TRAINED = {
    bank.name: bank
    for bank in (
        TrainedBank(
            "imagenet-7x7",
            "trained-imagenet-7x7",
            "64 filters over red, green, blue that a first layer learned from photographs",
            "in the network stride 2, padding 3 of zeros; from pixels of 0 to 255 it subtracts "
            "123, 117, 104 (red, green, blue), and it normalizes the maps afterwards (batch "
            "normalization), which the weights do not contain",
            "open_nsfw, a thin ResNet-50 trained on ImageNet and then to rate how suitable images "
            "are for work; Copyright 2016 Yahoo Inc., BSD 2-clause license",
        ),
    )
}


def is_trained(spec: str) -> bool:
    """Tell whether a SPEC names trained filters."""
    return spec.startswith(PREFIX)
