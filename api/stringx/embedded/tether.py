"""Becomes another program that does not outlive its starter: `python tether.py PARENT SIGNAL UID GID COMMAND…`.

A script that runs without imports of ours, so that it starts fast and from any user. A `preexec_fn` would do the same, but is
not safe in a process with threads, and Kafka clients have some. Where there is no prctl, the next start cleans up instead
(`child.clean_up`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, uid, gid = (int(text) for text in sys.argv[1:5])
    command = sys.argv[5:]
    # What a program expects to start with: Python ignores these two, and the starter may have blocked some.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which would clear it again.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:  # it died before the line above
            sys.exit(f"{command[0]}: the process that started it is gone")
    os.execvp(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main()
