"""A command of gammapy-hli that ends itself at a chosen call of the system; helper of check_kill.py.

    python tests/bench/killed_run.py '{"outdir": "out", "at": 17, "signal": "SIGKILL"}' run -c sim.yaml

Counts calls that change the output folder (open for writing, rename, remove, mkdir, rmdir, fsync, writev) in the main
process and sends the signal to itself just before the one with number ``at``. With ``"torn": true`` the file of an
fsync loses its second half first, as where the device had not got it yet. With ``"count": FILE`` nothing is killed and
the names of the calls are written to the file. ``"seconds"`` is how long a sum of maps may not be kept,
``"block"`` how many runs are added up by a worker.
"""

import json
import os
import signal
import sys
from itertools import count
from typing import Any


class Calls:
    """Counts the calls, and kills at one of them."""

    def __init__(self, spec: dict[str, Any]):
        self.folder = os.path.join(os.path.realpath(spec["outdir"]), "")
        self.at = spec.get("at")
        self.signal = signal.Signals[spec.get("signal", "SIGKILL")]
        self.torn = spec.get("torn", False)
        self.seen: list[str] = []
        self.numbers = count(1)  # each is given out once, although several threads write files
        self.is_done = False

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """For sys.addaudithook."""
        if event == "open":
            path, mode, flags = arguments
            is_writing = bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else "w" in str(mode)
            if is_writing and isinstance(path, str | bytes | os.PathLike):
                self.note("open", os.fsdecode(path))
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            self.note(event[3:], os.fsdecode(arguments[0]))

    def note(self, name: str, path: str, descriptor: int | None = None) -> None:
        """One more call; the last one where it is time."""
        if not os.path.abspath(path).startswith(self.folder) or self.is_done:
            return
        self.seen.append(f"{name} {os.path.abspath(path)[len(self.folder) :]}")
        if self.at == next(self.numbers):
            self.is_done = True
            if self.torn and descriptor is not None and self.signal == signal.SIGKILL:
                os.truncate(f"/proc/self/fd/{descriptor}", os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), self.signal)

    def watch(self, name: str) -> None:
        """Count calls of a function of os that takes a descriptor and tells nobody."""
        plain = getattr(os, name)

        def counted(descriptor: int, *rest: Any) -> Any:
            self.note(name, os.readlink(f"/proc/self/fd/{descriptor}"), descriptor)
            return plain(descriptor, *rest)

        setattr(os, name, counted)


def main() -> int:
    """Run the command under watch."""
    spec, words = json.loads(sys.argv[1]), sys.argv[2:]
    calls = Calls(spec)
    for name in ("fsync", "writev"):
        calls.watch(name)
    sys.addaudithook(calls.audit)
    from gammapy_hli.cli.main import main as command  # late: behind what is watched
    from gammapy_hli.tools import kept_sum  # late: the same

    if "block" in spec:
        from gammapy_hli.engine.datasets import blocked_stack  # late: the same

        blocked_stack.BLOCK = spec["block"]
    if "seconds" in spec:
        kept_sum.SECONDS, kept_sum.SHARE = spec["seconds"], float("inf")
    code = command(words)
    calls.is_done = True
    if "count" in spec:
        with open(spec["count"], "w", encoding="utf-8") as stream:
            stream.write("\n".join(calls.seen))
    return code


if __name__ == "__main__":
    sys.exit(main())
