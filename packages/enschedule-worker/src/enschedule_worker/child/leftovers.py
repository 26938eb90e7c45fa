"""What a run may leave behind in its process: put right where that is simple, else a reason to use a fresh process."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal is made of
import _thread
import contextlib
import os
import signal
import sys

# Of the C module, because signal's own wrappers make an enum of each answer, nine times a run.
_getsignal, _sigmask = _signal.getsignal, _signal.pthread_sigmask
_SIGNALS = tuple(
    int(getattr(signal, name))
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGQUIT")
)


class Surroundings:
    """The process as it was when its handlers had been loaded."""

    def __init__(self) -> None:
        self._cwd = os.getcwd()  # noqa: PTH109 - a text, compared at every run
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._environ = os.environ.copy()
        self._raw_environ = dict(_raw(os.environ))
        self._signals = {number: _getsignal(number) for number in _SIGNALS}
        self._recursion_limit = sys.getrecursionlimit()
        self._threads = _thread._count()  # noqa: SLF001 - all of Python's, which threading.active_count() is not
        self._mask = _sigmask(signal.SIG_BLOCK, ())

    def restore(self) -> str | None:
        """Put back what can be put back; return why this process should not be used again, or ``None``."""
        return self._restored() or self._running()

    def _restored(self) -> str | None:
        os.umask(self._umask)
        if sys.getrecursionlimit() != self._recursion_limit:
            sys.setrecursionlimit(self._recursion_limit)
        if _raw(os.environ) != self._raw_environ:
            os.environ.clear()
            os.environ.update(self._environ)
        return self._signals_restored() or self._folder_restored()

    def _signals_restored(self) -> str | None:
        for number, before in self._signals.items():
            now = _getsignal(number)
            if now is not before and now != before:
                if now is None:
                    return f"the run set a handler of {signal.Signals(number).name} that cannot be taken back"
                signal.signal(number, before)
        if _sigmask(signal.SIG_BLOCK, ()) != self._mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        if signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return None

    def _folder_restored(self) -> str | None:
        with contextlib.suppress(OSError):  # it may have been removed
            if os.getcwd() == self._cwd:  # noqa: PTH109
                return None
        try:
            os.chdir(self._cwd)
        except OSError as problem:
            return f"the working directory cannot be entered again: {problem.strerror}"
        return None

    def _running(self) -> str | None:
        if _thread._count() > self._threads:  # noqa: SLF001
            return "the run left threads behind"
        try:
            while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
                pass  # ended, but nobody had asked for its exit code
        except ChildProcessError:
            return None
        return "the run left child processes behind"


def _raw(environ: object) -> dict[bytes, bytes]:
    """Return what ``os.environ`` holds, without decoding each value at every run."""
    found: dict[bytes, bytes] = vars(environ)["_data"]
    return found
