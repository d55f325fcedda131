"""The parts that all figures share. Importing this package loads matplotlib."""

import logging

from convcli.errors import UsageError

# In a home folder that cannot be written, matplotlib warns at length on stderr and works all the
# same, with a temporary font cache.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

try:
    import matplotlib  # noqa: F401 - the first import, which reads the user's settings
except ValueError as error:  # an unknown MPLBACKEND, or a matplotlibrc file that is not text
    problem = " ".join(str(error).split())
    raise UsageError(
        f"matplotlib does not start ({problem}): correct MPLBACKEND or the matplotlibrc file"
    ) from error
