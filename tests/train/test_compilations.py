"""One trace and one XLA compilation a signature, whatever the values and the epochs.

XLA writes every module that it compiles into a folder, if asked before it starts: so a process of
its own trains, and the modules are counted.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

SCRIPT = """
import small_problem as small
from small_problem import claim, signature, train, trial

trainer = small.trainer_of()
kept = {}
for first, last, rate, width in ((0, 1, 0.01, 2), (1, 4, 0.5, 2), (4, 5, 1e-4, 2), (0, 3, 1.0, 2)):
    some = [trial(i, rate, 1 + i % 2, 5 + i, beta_1=0.1 * i, epsilon=rate) for i in range(3)]
    _, kept = train(trainer, claim(some, last, signature(), first, kept if first else None), width)
assert trainer.warm == {signature()}
print([epoch.traces for epoch in trainer._epochs.values()])
"""


def test_one_trace_and_one_compilation_over_values_and_epochs(tmp_path):
    flags = f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text --xla_dump_hlo_module_re=.*call.*"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(HERE)}
    environment.pop("TF_XLA_FLAGS", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1]"
    modules = list(tmp_path.glob("*before_optimizations.txt"))
    assert len(modules) == 1, [m.name for m in modules]
