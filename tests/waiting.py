"""Waiting for what other processes do, in bounded time."""

import time


def wait_for(condition, timeout=240.0):
    """The condition's first true value, within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
