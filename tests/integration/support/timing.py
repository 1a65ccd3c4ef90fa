"""Where the programs are, and how long things may take with them."""

import asyncio
import os
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("ROOMCAST_BUILD") or ROOT / "build/release").resolve()
SANITIZED = bool(os.environ.get("ROOMCAST_SANITIZE")) or "asan" in BUILD.name
SLOW = float(os.environ.get("ROOMCAST_SLOW") or (4 if SANITIZED else 1))


def seconds(s):
    """A time-out, longer where the gateway is slower. Never for a time that is measured."""
    return s * SLOW


async def eventually(check, timeout=5):
    """Wait until `check` (plain or async) gives something true, and return that."""
    end = time.monotonic() + seconds(timeout)
    while True:
        got = check()
        if asyncio.iscoroutine(got):
            got = await got
        if got:
            return got
        assert time.monotonic() < end, f"still not so: {check.__name__}"
        await asyncio.sleep(0.02)
