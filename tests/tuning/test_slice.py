import os
import subprocess
import sys

import pytest

from caviar.tuning import slice as slices


@pytest.fixture
def affinity():
    """The test process is pinned by what it tests; afterwards it is as before."""
    before = os.sched_getaffinity(0)
    yield sorted(before)
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), before)


def test_two_slices_take_different_cores(tmp_path, affinity):
    if len(affinity) < 2:
        pytest.skip("needs two cores")
    first = slices.take_cores(1, tmp_path)
    os.sched_setaffinity(0, affinity)  # as another process would see the machine
    second = slices.take_cores(1, tmp_path)
    assert first.numbers == (affinity[0],)
    assert second.numbers == (affinity[1],)
    assert os.sched_getaffinity(0) == {affinity[1]}


def test_too_few_free_cores_pin_nothing(tmp_path, affinity):
    cores = slices.take_cores(len(affinity) + 1, tmp_path)
    assert cores.numbers == ()
    assert os.sched_getaffinity(0) == set(affinity)
    assert slices.take_cores(len(affinity), tmp_path).numbers == tuple(affinity)


def test_a_dead_slice_leaves_its_cores(tmp_path, affinity):
    program = (
        "import sys, pathlib; from caviar.tuning.slice import take_cores;"
        "print(take_cores(1, pathlib.Path(sys.argv[1])).numbers)"
    )
    for _ in range(2):
        answer = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.strip() == str((affinity[0],))


@pytest.mark.parametrize(
    ("total", "fraction", "limit"),
    [(24576, 0.25, 5544), (81920, 0.5, 40360), (16384, 1.0, 15784), (8192, 0.3, 1857)],
)
def test_memory_limit_leaves_room_for_the_context(total, fraction, limit):
    assert slices.memory_limit_mib(total, fraction) == limit


def test_a_share_too_small_is_refused():
    with pytest.raises(ValueError, match=r"0\.1 of a card of 8192 MiB leaves 219 MiB"):
        slices.memory_limit_mib(8192, 0.1)


def test_card_memory_is_what_the_driver_says(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$4" = 1 ] && echo 24576 || echo 16384\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert slices.card_memory_mib("1") == 24576
    assert slices.card_memory_mib("0") == 16384
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert slices.card_memory_mib("0") is None


LISTING = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-11111111-aaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-22222222-bbbb)
  MIG 1g.5gb+me   Device  1: (UUID: MIG-33333333-cccc)
GPU 1: NVIDIA L4 (UUID: GPU-44444444-dddd)
GPU 2: NVIDIA A100 80GB PCIe (UUID: GPU-55555555-eeee)
  MIG 1c.2g.20gb  Device  0: (UUID: MIG-GPU-55555555-eeee/1/0)
"""
MACHINE = f"""#!/bin/sh
# nvidia-smi of a machine with a small card and two that are cut into parts.
if [ "$1" = -L ]; then cat <<'TEXT'
{LISTING}TEXT
else case "$4" in 1|GPU-44444444-dddd) echo 23034;; *) echo '[Insufficient Permissions]';; esac
fi
"""


@pytest.mark.parametrize(
    ("card", "mib"),
    [
        ("1", 23034),  # the card given, not the first one
        ("GPU-44444444-dddd", 23034),
        ("MIG-33333333-cccc", 4864),
        ("MIG-22222222-bbbb", 19456),
        ("MIG-22222222", 19456),  # CUDA takes the beginning of a UUID
        ("MIG-GPU-55555555-eeee/1/0", 19456),
        ("0", 19456),  # a card that is cut up: CUDA gives its first part
        ("GPU-55555555-eeee", 19456),
        ("7", None),
    ],
)
def test_memory_is_that_of_the_card_or_part_given(tmp_path, monkeypatch, card, mib):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(MACHINE)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert slices.card_memory_mib(card) == mib


def test_a_slice_says_what_it_holds():
    cores = slices.Cores((3,))
    assert str(slices.Slice(cores, ("1",), 5000, shared=True)) == "core 3, gpu 1 (5000 MiB)"
    unknown = slices.Slice(slices.Cores(), ("1",), None, shared=True)
    assert str(unknown) == "unpinned, gpu 1 (shared, its memory unknown)"
    assert str(slices.Slice(slices.Cores(), ("0", "1"))) == "unpinned, gpu 0,1"


ENTER = """
import os, sys
from caviar.tuning.slice import enter
held = enter(float(sys.argv[1]), float(sys.argv[2]), lambda card: 20000)
import tensorflow as tf
print(held.memory_mib, ",".join(held.cards), tf.config.threading.get_intra_op_parallelism_threads(),
      repr(os.environ["CUDA_VISIBLE_DEVICES"]), len(held.cores.numbers),
      os.environ["CUDA_DEVICE_ORDER"])
"""


@pytest.mark.parametrize(
    ("cpus", "gpus", "visible", "told"),
    [
        ("1", "0", None, "None  1 '' 1 PCI_BUS_ID"),  # no card given: none is to be seen
        ("1", "0.5", "1", "9400 1 1 '1' 1 PCI_BUS_ID"),
        ("0.5", "0.25", "0", "4400 0 1 '0' 0 PCI_BUS_ID"),  # part of a core: pinned to none
        ("1", "1", "2", "None 2 1 '2' 1 PCI_BUS_ID"),  # a whole card needs no limit
    ],
)
def test_entering_bounds_tensorflow(tmp_path, cpus, gpus, visible, told):
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    environment |= {"TMPDIR": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    answer = subprocess.run(
        [sys.executable, "-c", ENTER, cpus, gpus],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == told
