# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks, inside a run of Ansible, at what its main process and each of its forks do with their processor time.

After each few milliseconds of it the stack is noted, with the time since the last note. A profiler that follows every call
(cProfile) would make small functions look two to three times as dear as they are; this costs about a hundredth.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
import time
from multiprocessing import util
from pathlib import Path
from types import FrameType

#: Seconds of processor between two looks; the kernel may make it a tick of its own.
INTERVAL = 0.004

#: Files and functions, the innermost first.
Stack = tuple[tuple[str, str], ...]


class Sampler:
    """Notes stacks from :meth:`begin` until the process ends; each process leaves a file in ``folder``, for :mod:`shares`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._noted: dict[Stack, float] = {}
        self._process = self._thread = 0.0

    def begin(self) -> None:
        """In the main process, once, before anything else is imported."""
        self._start("main")
        util.register_after_fork(self, Sampler._forked)
        atexit.register(self._end, "main")

    def _forked(self) -> None:
        # A fork has no timer of its parent's, and begins with no processor time used. It ends without atexit.
        self._start("fork")
        util.Finalize(None, self._end, args=("fork",), exitpriority=0)

    def _start(self, kind: str) -> None:
        self._noted = {}
        self._process, self._thread = (0.0, 0.0) if kind == "fork" else (time.process_time(), time.thread_time())
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        thread = time.thread_time() - self._thread
        others = time.process_time() - self._process - thread
        self._note(frame, thread)
        # A process's timer says nothing of which thread it was: this one's own clock, and the rest is the other's.
        frames = [at for ident, at in sys._current_frames().items() if ident != threading.get_ident()]
        for other in frames:
            self._note(other, others / len(frames))
        self._process, self._thread = time.process_time(), time.thread_time()

    def _note(self, frame: FrameType | None, seconds: float) -> None:
        stack = []
        while frame is not None:
            stack.append((frame.f_code.co_filename, frame.f_code.co_name))
            frame = frame.f_back
        self._noted[tuple(stack)] = self._noted.get(tuple(stack), 0.0) + seconds

    def _end(self, kind: str) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # Whose the time since the last look is, nobody saw.
        self._noted[()] = max(time.process_time() - self._process, 0.0)
        file = self._folder / f"{kind}-{os.getpid()}-{time.monotonic_ns()}.json"
        file.write_text(json.dumps([[seconds, stack] for stack, seconds in self._noted.items()]), encoding="utf-8")
