"""Catch what a C library prints on standard error by itself, as libtiff does."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from convcli.errors import ConvcliError

_STDERR = 2
_MAX_BYTES = 2**16
_lock = threading.Lock()  # the descriptor belongs to the whole process


@contextmanager
def captured_stderr(lines: list[str]) -> Iterator[None]:
    """Redirect descriptor 2 in the block, and add what was printed to ``lines``, each line once.

    The output goes to an unnamed file, which cannot fill up and block as a pipe would. The first 64
    KiB are kept. One thread at a time can be in such a block.

    Raises:
        ConvcliError: there is no folder for temporary files.
    """
    with _lock, _temporary_file() as file:
        try:
            saved = os.dup(_STDERR)
        except OSError:  # it is closed: nothing that is printed reaches a user
            yield
            return
        try:
            os.dup2(file.fileno(), _STDERR)
            yield
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            file.seek(0)
            text = file.read(_MAX_BYTES).decode(errors="replace")
            text = re.sub(r"\n[ \t]+", " ", text)  # the message goes on
            printed = (" ".join(line.split()) for line in text.splitlines())
            lines += dict.fromkeys(filter(None, printed))


def _temporary_file() -> IO[bytes]:
    from tempfile import TemporaryFile  # only libtiff makes this necessary

    try:
        return TemporaryFile()
    except OSError as error:
        raise ConvcliError(
            f"no temporary file can be made ({error.strerror or error}); "
            "set TMPDIR to a folder with space"
        ) from error
