"""A bench as a program: what it is asked, that it may run here, how it ends, and the page that it leaves."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from guests import CONTAINERS, PREFIX, BenchError

Figures = TypeVar("Figures")


def questions(description: str, guests: int, rounds: int, page: Path) -> argparse.ArgumentParser:
    """What every bench is asked, by arguments or (as from make) by the environment; with these defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--guests", type=int, default=int(os.environ.get("GUESTS") or guests))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS") or rounds))
    parser.add_argument("--page", type=Path, default=page, help="where the figures are written")
    return parser


def ended(
    name: str,
    written: Path,
    measure: Callable[[Path], Figures],
    summary: Callable[[Figures], str],
    page: Callable[[Figures], str],
) -> int:
    """Measure in a folder of its own, print the summary, write the page; the exit status. ``measure`` removes its guests."""

    def say(text: str) -> None:
        print(f"{name}: {text}", file=sys.stderr, flush=True)

    if os.geteuid() != 0:
        say("must run as root: its guests have systemd, and a file system laid over their /sys")
        return 2
    os.environ["CONTAINERS_CONF"] = str(CONTAINERS / "containers.conf")
    # Ended from outside, it clears up as it does after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *dummy: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX) as scratch:
            figures = measure(Path(scratch))
    except BenchError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped; its guests are removed")
        return 130
    print(summary(figures))
    written.write_text(page(figures), encoding="utf-8")
    say(f"written to {os.path.relpath(written)}")
    return 0
