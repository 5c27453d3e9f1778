"""Work for the pool's tests; a module, so that worker processes can import it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path


class Echo:
    """Answers with what it was asked, or does as it is told."""

    def __init__(self, number):
        self.number = number

    def __call__(self):
        return self.work

    def work(self, body):
        word, _, rest = body.partition(b" ")
        return getattr(self, word.decode())(rest)

    def echo(self, rest):
        return rest

    def big(self, rest):
        return b"x" * int(rest)

    def die(self, rest):
        os.kill(os.getpid(), int(rest))
        time.sleep(60)

    def exit(self, rest):
        os._exit(int(rest))

    def sleep(self, rest):
        time.sleep(float(rest))
        return b"awake"

    def pid(self, rest):
        return str(os.getpid()).encode()

    def child(self, rest):
        return str(subprocess.Popen(["sleep", rest.decode()]).pid).encode()

    def hold_the_lock(self, rest):
        Path(rest.decode()).write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(60)  # a library that keeps the interpreter's lock
        return b""


class Hopeless:
    def __init__(self, number):
        pass

    def __call__(self):
        sys.exit(7)


def parent(path):
    """A process with a pool, to be killed from outside."""
    from bunter.execution.pool import Pool

    with Pool(1, Echo) as pool:
        pool.submit(0, b"hold_the_lock " + path.encode())
        while True:
            pool.wait(1)
