"""The memory that workers take together."""

from hypothesis import given
from hypothesis import strategies as st

from convcli.batch.executors.worker import WAITING, may_take

LIMIT = 100
NEEDS = st.lists(  # of each worker: what it takes first, and what it takes in all later
    st.tuples(st.integers(2, LIMIT), st.integers(2, LIMIT)).map(sorted), min_size=1, max_size=5
)


@given(NEEDS, st.randoms(use_true_random=False))
def test_all_workers_end_and_the_limit_holds_while_any_of_them_can_go_on(needs, random):
    reserved, steps = [0] * len(needs), [0] * len(needs)
    for _ in range(1000):
        unfinished = [index for index, step in enumerate(steps) if step < 3]
        if not unfinished:
            return
        index = random.choice(unfinished)
        if steps[index] == 2:  # the job ends
            reserved[index], steps[index] = 0, 3
            continue
        need, held = needs[index][steps[index]], abs(reserved[index]) * (steps[index] > 0)
        reserved[index] = -held or WAITING
        others = [taken for other, taken in enumerate(reserved) if other != index]
        if may_take(need, reserved, index, LIMIT):
            total = need + sum(abs(taken) for taken in others if taken != WAITING)
            assert total <= LIMIT or (held and all(taken <= 0 for taken in others))
            reserved[index] = need
            steps[index] += 1
    raise AssertionError("workers wait for each other forever")


def test_of_several_that_wait_with_memory_one_goes_on():
    waiting = [0, -30, WAITING, -40, -50]
    going = [index for index in range(5) if may_take(90, waiting, index, LIMIT)]
    assert going == [1]
