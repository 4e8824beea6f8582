"""What `precision = "bfloat16"` gains: the compiled epoch in both precisions, and bare products.

    python benchmarks/bfloat16.py [--data-dir DIR] [--epochs 6] [--repeats 2] [--only NAME ...]

Two networks, 784-256-128-10 and 784-1024-1024-10, batch 128, on one core: an epoch in float32 and
one in bfloat16 in turns, within one process, from equal weights and in equal order. Prints the
fastest epoch of each, their ratio, and what both learned. With `--data-dir` the data are
Fashion-MNIST as TFDS has it there; without, made up, and what is learned of them means nothing.

Then the matrix products alone, in GFLOP/s, at the sizes of a minibatch and at one large size: XLA's
in float32; in bfloat16, adding up in bfloat16 as `tf.matmul` does; in bfloat16 adding up in float32
(BatchMatMulV3), which is what training uses; and outside XLA, TensorFlow's own kernels (oneDNN).
And which bfloat16 instructions the processor says it has.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from problems import Problem, keep, kept, read_fashion_mnist
from processes import answer, conditions, elsewhere, pin, seconds_of

PROBLEMS = (
    Problem("narrow", 784, (256, 128), 10, 20_000, 128),
    Problem("wide", 784, (1024, 1024), 10, 20_000, 128),
)
PRECISIONS = ("float32", "bfloat16")
PRODUCTS = ((128, 784, 256), (128, 1024, 1024), (784, 128, 1024), (1024, 1024, 1024))
"""Rows, inner size and columns: the layers' own, a gradient's, and a large square."""
INSTRUCTIONS = ("avx512_bf16", "avx_ne_convert", "amx_bf16")


def epochs(problem: str, folder: str, count: int) -> dict[str, dict[str, float]]:
    """The fastest epoch of each precision in seconds, its first call, and the last dev scores."""
    pin()
    from caviar.study.records import Lane, Signature, Trial
    from caviar.train.epoch import CompiledEpoch
    from caviar.train.feed import Resident
    from caviar.train.group import Course, Group
    from caviar.train.order import data_order
    from caviar.train.recipe import Recipe

    asked, data = next(one for one in PROBLEMS if one.name == problem), kept(Path(folder))
    feed, course = Resident(data), Course(0, {})
    units = {f"units_{place + 1}": width for place, width in enumerate(asked.units)}
    lane = Lane(Trial(0, (), {"layers": len(units), **units, "learning_rate": 1e-3}))
    groups = {}
    for kind in PRECISIONS:
        signature = Signature(asked.units, asked.batch_size, "adam", kind)
        recipe = Recipe.of(signature, data.features, data.classes)
        groups[kind] = Group.begin(CompiledEpoch(recipe, feed, 1), [lane], signature, course)
    orders = [data_order(0, n, asked.batch_size, feed.examples) for n in range(count)]
    first = {k: seconds_of(lambda k=k: groups[k].run(orders[0], 0, 0))[0] for k in PRECISIONS}
    taken, told = dict.fromkeys(PRECISIONS, math.inf), {}
    for behind, order in enumerate(orders):
        # Neither is always the one after the other.
        for kind in PRECISIONS if behind % 2 else PRECISIONS[::-1]:
            start = time.perf_counter()
            told[kind] = groups[kind].run(order, behind)[0]
            taken[kind] = min(time.perf_counter() - start, taken[kind])
    return {
        kind: {
            "epoch_s": taken[kind],
            "first_call_s": first[kind],
            "dev_loss": told[kind].dev_loss,
            "dev_accuracy": told[kind].dev_accuracy,
        }
        for kind in PRECISIONS
    }


def products() -> list[dict[str, Any]]:
    """The rates of bare products in GFLOP/s, size by size."""
    pin()
    import tensorflow as tf

    found = []
    for rows, inner, columns in PRODUCTS:
        a = tf.random.stateless_normal((rows, inner), (0, 1))
        b = tf.random.stateless_normal((inner, columns), (0, 2))
        short_a, short_b = tf.cast(a, tf.bfloat16), tf.cast(b, tf.bfloat16)
        seconds = {
            "XLA float32": _in_xla(a, b),
            "XLA bfloat16": _in_xla(short_a, short_b),
            "XLA bfloat16, sums in float32": _in_xla(short_a, short_b, in_float32=True),
            "oneDNN float32": _fastest(lambda a=a, b=b: tf.matmul(a, b)),
            "oneDNN bfloat16": _fastest(lambda a=short_a, b=short_b: tf.matmul(a, b)),
        }
        rates = {name: 2e-9 * rows * inner * columns / one for name, one in seconds.items()}
        found.append({"size": [rows, inner, columns], "rates": rates})
    return found


def _in_xla(a: Any, b: Any, in_float32: bool = False, times: int = 50) -> float:
    """Seconds of a product, adding up in float32 or in its own type; from a loop of `times`."""
    import tensorflow as tf

    def product(a: Any, b: Any) -> Any:
        return tf.raw_ops.BatchMatMulV3(x=a, y=b, Tout=tf.float32) if in_float32 else a @ b

    @tf.function(jit_compile=True, autograph=False)
    def loop(a: Any, b: Any, last: Any) -> Any:
        def body(i: Any, a: Any, b: Any, last: Any) -> tuple[Any, ...]:
            # Each product depends on the one before, or XLA would take it out of the loop. One row
            # is written, not the whole of `a`, so that this costs next to nothing.
            row = a[:1] + tf.cast(last[:1, :1], a.dtype) * 0
            a = tf.raw_ops.TensorStridedSliceUpdate(
                input=a, begin=[0], end=[1], strides=[1], value=row
            )
            return i + 1, a, b, product(a, b)

        start = (tf.constant(0), a, b, last)
        return tf.while_loop(lambda i, *_: i < times, body, start)[-1]

    last = tf.zeros((a.shape[0], b.shape[1]), tf.float32 if in_float32 else a.dtype)
    return _fastest(lambda: loop(a, b, last), 6) / times


def _fastest(call: Callable[[], Any], repeats: int = 60) -> float:
    call()
    return min(seconds_of(lambda: call().numpy(), repeats))


def instructions() -> list[str]:
    """The bfloat16 instructions that the processor says it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ["unknown"]
    flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    return [name for name in INSTRUCTIONS if name in flags] or ["none"]


def print_epochs(problem: Problem, folder: Path, count: int, repeats: int) -> None:
    """Both precisions of a network, process after process."""
    print(f"\n{problem.name}: {problem.sizes}, batch {problem.batch_size}, {count} epochs")
    fastest: dict[str, float] = {}
    for _ in range(repeats):
        found = elsewhere(__file__, "epochs", problem=problem.name, folder=str(folder), count=count)
        for kind, one in found.items():
            fastest[kind] = min(one["epoch_s"], fastest.get(kind, one["epoch_s"]))
            print(
                f"  {kind:9}{1e3 * one['epoch_s']:9.1f} ms an epoch, first call "
                f"{one['first_call_s']:.1f} s, dev loss {one['dev_loss']:.4f}, "
                f"dev accuracy {one['dev_accuracy']:.4f}",
                flush=True,
            )
    print(f"  bfloat16 is {fastest['float32'] / fastest['bfloat16']:.2f} times as fast")


def print_products() -> None:
    """The bare products."""
    print(f"\nproducts of one core in GFLOP/s; bfloat16 instructions: {', '.join(instructions())}")
    for found in elsewhere(__file__, "products"):
        rows, inner, columns = found["size"]
        print(f"  [{rows}, {inner}] x [{inner}, {columns}]")
        for name, rate in found["rates"].items():
            print(f"    {name:32}{rate:7.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*(problem.name for problem in PROBLEMS), "products"]
    parser.add_argument("--data-dir", type=Path, help="where TFDS has Fashion-MNIST")
    parser.add_argument("--epochs", type=int, default=6, help="of each precision and process")
    parser.add_argument("--repeats", type=int, default=2, help="processes a network")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        answer(options.child, {"epochs": epochs, "products": products})
        return
    print(conditions())
    data = read_fashion_mnist(options.data_dir) if options.data_dir else PROBLEMS[0].dataset()
    with tempfile.TemporaryDirectory() as folder:
        keep(data, Path(folder))
        for problem in PROBLEMS:
            if problem.name in options.only:
                print_epochs(problem, Path(folder), options.epochs, options.repeats)
    if "products" in options.only:
        print_products()


if __name__ == "__main__":
    main()
