"""Ten thousand trials in simulated time."""

import time

from simulated import maker, smooth

from caviar.search.simulate import Conditions, Simulation
from caviar.study.records import Assignment


def test_ten_thousand_trials_in_seconds():
    conditions = Conditions(slices=32, lane_epoch_s=0.3, compile_s=3.0, kill_rate=0.0002)
    simulation = Simulation(maker(trials=10_000, slices=32), smooth, conditions)
    began = time.process_time()
    outcome = simulation.run()
    took = time.process_time() - began
    table = simulation.strategy.rung_table()
    assert table[0][1] == 10_000
    assert all(abs(promoted - reached // 3) <= 1 for _, reached, promoted in table[:-1])
    assert outcome.idle_s < 0.02 * 32 * outcome.elapsed_s
    assert sum(isinstance(entry, Assignment) for entry in outcome.entries) > 1000
    assert took < 10
