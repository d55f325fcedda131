"""Threads that wait for strips: several calls share them, and a forked process has its own."""

import os
import signal
import subprocess
import sys
from threading import Thread

import numpy as np
import pytest

from convcli import cross_correlate
from convcli.core.threads import for_each

KERNEL = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (1100, 1000), np.uint8)


def test_calls_from_several_threads_at_once(image):
    expected = cross_correlate(image, KERNEL, threads=1)
    found = []

    def call():
        found.append(cross_correlate(image, KERNEL, threads=3))

    callers = [Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 6
    assert all(np.array_equal(one, expected) for one in found)


def test_a_call_inside_of_another_ends():
    done = []

    def outer(item):
        for_each(lambda inner: done.append((item, inner)), range(4), 4)

    for_each(outer, range(4), 4)
    assert sorted(done) == [(outer, inner) for outer in range(4) for inner in range(4)]


def test_an_exception_stops_all_threads():
    done = []

    def work(item):
        if item == 3:
            raise ValueError(item)
        done.append(item)

    with pytest.raises(ValueError, match="3"):
        for_each(work, range(100_000), 3)
    assert len(done) < 99_999


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_process_has_threads_of_its_own(image):
    expected = cross_correlate(image, KERNEL, threads=3)
    child = os.fork()
    if not child:
        signal.alarm(30)
        same = np.array_equal(cross_correlate(image, KERNEL, threads=3), expected)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


FEWER_THREADS = """
import threading
import numpy as np
from convcli import cross_correlate
start, started = threading.Thread.start, []
def start_one(thread):
    started.append(thread)
    if len(started) > 1:
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = start_one
image = np.random.default_rng(0).random((2000, 1000), np.float32)
kernel = np.random.default_rng(1).random((9, 9))
expected = cross_correlate(image, kernel, threads=1)
for _ in range(10):
    assert np.array_equal(cross_correlate(image, kernel, threads=8), expected)
assert len(started) > 1
"""


def test_fewer_threads_than_asked_for():
    subprocess.run([sys.executable, "-c", FEWER_THREADS], check=True, timeout=60)
