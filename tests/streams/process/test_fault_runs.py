import pytest

from streams.errors import ExitCode
from streams.process.fault_runs import MOST_FAULTS, PASSING, FaultRuns


def results(*ends: tuple[float, float], code: int = ExitCode.FAULT) -> list[bool]:
    """What a group says of ends with one code: when each came and how long its process had lived."""
    runs = FaultRuns()
    return [runs.goes_on(code, lived_s, now_s) for now_s, lived_s in ends]


def test_quick_faults_of_one_code_are_a_run() -> None:
    """The fifth process that ends soon after its start is one too many."""
    assert results((0, 1), (3, 1), (8, 1), (15, 1), (26, 1)) == [False] * (MOST_FAULTS - 1) + [True]


def test_a_process_that_has_done_work_begins_a_new_run() -> None:
    """Faults after long health are no run, however many."""
    assert not any(results(*((60.0 * number, 59.0) for number in range(20))))


def test_a_fault_that_moves_from_process_to_process_is_a_run() -> None:
    """Processes that lived for hours are ended one after the other by what the one before them left."""
    assert results((0, 9e3), (15, 9e3), (30, 9e3), (45, 9e3), (60, 9e3))[-1]


def test_a_moment_that_ends_many_counts_once() -> None:
    """Sixteen processes that meet a passing trouble together are one fault, and so are they after their start."""
    together = [(number / 10, 9e3) for number in range(16)] + [(20 + number / 10, 19) for number in range(16)]
    assert not any(results(*together))


def test_each_code_has_a_run_of_its_own() -> None:
    """Two faults in turn are not one."""
    runs = FaultRuns()
    codes = [ExitCode.FAULT, ExitCode.PORT_IN_USE] * (MOST_FAULTS - 1)
    assert not any(runs.goes_on(code, 1, 3.0 * number) for number, code in enumerate(codes))


@pytest.mark.parametrize("code", [-9, -15, *PASSING])
def test_what_passes_is_no_fault(code: int) -> None:
    """Signals, servers that are away, full disks and moved partitions never end the group."""
    assert not any(results(*((3.0 * number, 1) for number in range(20)), code=code))
