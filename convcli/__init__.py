"""Filter images by convolution, with every convention explicit.

Public names are loaded when they are first used (PEP 562): ``from convcli import cross_correlate``
loads numpy and nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.api.explain import explain as explain
    from convcli.api.explain import explain_gradient as explain_gradient
    from convcli.api.explore import explore as explore
    from convcli.api.figures import animate as animate
    from convcli.api.figures import plot as plot
    from convcli.api.filters import convolve as convolve
    from convcli.api.filters import cross_correlate as cross_correlate
    from convcli.api.filters import pad as pad
    from convcli.api.filters import plan as plan
    from convcli.api.filters import pool as pool
    from convcli.api.learn import learn_bank as learn_bank
    from convcli.api.learn import learn_kernel as learn_kernel
    from convcli.api.reading import get_filter as get_filter
    from convcli.api.reading import get_kernel as get_kernel
    from convcli.api.reading import list_kernels as list_kernels
    from convcli.api.reading import read_image as read_image
    from convcli.api.sizes import output_size as output_size
    from convcli.api.sizes import receptive_field as receptive_field
    from convcli.core.plan_summary import PlanSummary as PlanSummary
    from convcli.errors import ConvcliError as ConvcliError
    from convcli.errors import GeometryError as GeometryError
    from convcli.errors import ImageError as ImageError
    from convcli.errors import KernelError as KernelError
    from convcli.errors import PictureError as PictureError
    from convcli.errors import UsageError as UsageError
    from convcli.geometry import ReceptiveField as ReceptiveField
    from convcli.kernels.kernel import Kernel as Kernel
    from convcli.kernels.spec import KernelSet as KernelSet
    from convcli.teaching.chain.chain import Chain as Chain
    from convcli.teaching.chain.summary import ChainSummary as ChainSummary
    from convcli.teaching.explain.chain.explanation import ChainExplanation as ChainExplanation
    from convcli.teaching.explain.explanation import Explanation as Explanation
    from convcli.teaching.explain.gradient.explanation import (
        GradientExplanation as GradientExplanation,
    )
    from convcli.teaching.explore.array_page import ExplorePage as ExplorePage
    from convcli.teaching.learn.bank import BankResult as BankResult
    from convcli.teaching.learn.result import LearnResult as LearnResult

__version__ = "0.1.0"

_HOMES = {
    "convcli.api.explain": "explain explain_gradient",
    "convcli.api.explore": "explore",
    "convcli.api.figures": "animate plot",
    "convcli.api.filters": "convolve cross_correlate pad plan pool",
    "convcli.api.learn": "learn_bank learn_kernel",
    "convcli.api.reading": "get_filter get_kernel list_kernels read_image",
    "convcli.api.sizes": "output_size receptive_field",
    "convcli.core.plan_summary": "PlanSummary",
    "convcli.errors": "ConvcliError GeometryError ImageError KernelError PictureError UsageError",
    "convcli.geometry": "ReceptiveField",
    "convcli.kernels.kernel": "Kernel",
    "convcli.kernels.spec": "KernelSet",
    "convcli.teaching.chain.chain": "Chain",
    "convcli.teaching.chain.summary": "ChainSummary",
    "convcli.teaching.explain.chain.explanation": "ChainExplanation",
    "convcli.teaching.explain.explanation": "Explanation",
    "convcli.teaching.explain.gradient.explanation": "GradientExplanation",
    "convcli.teaching.explore.array_page": "ExplorePage",
    "convcli.teaching.learn.bank": "BankResult",
    "convcli.teaching.learn.result": "LearnResult",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
