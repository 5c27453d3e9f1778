"""The command line in processes of its own, without the second that a start of each costs.

Commands are forked from a program that has imported what they need. Beyond that each is as a user's: arguments, folder,
environment, streams, exit code. A script named ``bunter`` stands for it in the pages of the documentation.
"""

from __future__ import annotations

import array
import atexit
import gc
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import ExitStack
from functools import cache
from pathlib import Path

_USED = {
    "astropy.table",
    "bunter.butler.direct",
    "bunter.execution.run",
    "bunter.graph.build",
    "bunter.ingest.raws",
    "rich.console",
}


def bunter(*words, folder=".", answer="", timeout_s=120, **environment):
    """Run ``bunter WORDS`` in a folder and return a `subprocess.CompletedProcess` with text; ``environment`` adds to ours."""
    words = [str(word) for word in words]
    with ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(answer.encode())
        streams[0].seek(0)
        code = _ask(_prepared(), words, str(Path(folder).absolute()), os.environ | environment, streams, timeout_s)
        return subprocess.CompletedProcess(["bunter", *words], code, *map(_text, streams[1:]))


@cache
def folder_of_script():
    """Return a folder with a script ``bunter``, to be put at the head of PATH."""
    folder = Path(_prepared()).parent / "bin"
    folder.mkdir()
    script = folder / "bunter"
    script.write_text(
        f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", "-S", __file__, "ask", _prepared()])} "$@"\n'
    )
    script.chmod(0o755)
    return folder


def _text(stream):
    stream.seek(0)
    return stream.read().decode()


@cache
def _prepared():
    """Start the program that forks; return where it listens."""
    place = tempfile.TemporaryDirectory(prefix="bunter-command-")
    address = f"{place.name}/socket"
    program = subprocess.Popen([sys.executable, __file__, "serve", address], stdout=subprocess.PIPE)
    program.stdout.readline()

    def end():
        program.terminate()
        program.wait()
        program.stdout.close()
        place.cleanup()

    atexit.register(end)
    return address


def _ask(address, words, folder, environment, streams, timeout_s=None):  # noqa: PLR0917 - what a process is
    """Have a command run on three streams and return its exit code."""
    numbers = array.array("i", [stream.fileno() for stream in streams])
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(timeout_s)
        asked.connect(address)
        asked.sendmsg([b"streams"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
        asked.sendall(json.dumps([words, folder, environment]).encode())
        asked.shutdown(socket.SHUT_WR)
        return int(asked.recv(16))


def _serve(address):
    """Fork for each that asks, as several may at once; return the words in the process that is to be the command."""
    from importlib import import_module

    from bunter.cli.commands import COMMANDS

    for name in {f"bunter.cli.commands.{each.where.partition(':')[0]}" for each in COMMANDS.values()} | _USED:
        import_module(name)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        os.write(1, b"ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for a command is not waited for
        gc.freeze()  # pages that no collection touches stay shared
        listening.settimeout(5)
        tests = os.getppid()
        while True:
            try:
                asked, _ = listening.accept()
            except TimeoutError:
                if os.getppid() != tests:
                    raise SystemExit from None  # they were killed
                continue
            asked.setblocking(True)
            if not os.fork():
                return _become(asked)
            asked.close()


def _become(asked):
    """Have a child become a process as a shell would have started it, and tell who asked how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, rights, *_ = asked.recvmsg(len(b"streams"), socket.CMSG_SPACE(3 * 4))
    streams = array.array("i", rights[0][2])
    words, folder, environment = json.loads(asked.makefile("rb").read())
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        asked.sendall(b"%d" % code)
        os._exit(0)
    asked.close()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.path[:0] = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.argv = ["bunter", *words]
    del sys.modules["__main__"].__file__  # so that worker processes do not import this module as their main one


def _run():
    """Run the command and end as a program does, without taking down the modules one by one, which takes longest."""
    from bunter.cli import main

    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - whatever a program would end with
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__" and sys.argv[1] == "ask":
    standard = (sys.stdin, sys.stdout, sys.stderr)
    ended = _ask(sys.argv[2], sys.argv[3:], str(Path.cwd()), dict(os.environ), standard)
    os._exit(ended) if ended >= 0 else os.kill(os.getpid(), -ended)
elif __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    _serve(sys.argv[2])
    _run()
