"""The codes with which the daemon and its commands end: sysexits' and a shell's where they fit."""

from __future__ import annotations

EXIT_DIFFERENT = 1
"""`o2cbd diff` found a difference."""
EXIT_USAGE = 64
EXIT_BAD_INPUT = 65
"""A file that was to be read is none of its kind."""
EXIT_NO_INPUT = 66
"""It cannot be read."""
EXIT_UNAVAILABLE = 69
"""No daemon, or no cluster manager."""
EXIT_CRASHED = 70
"""EX_SOFTWARE: a bug; systemd starts the daemon again."""
EXIT_CANNOT_CREATE = 73
"""EX_CANTCREAT: also when another o2cbd has the lock."""
EXIT_TRY_AGAIN = 75
"""The time was over."""
EXIT_NO_PERMISSION = 77
EXIT_BAD_SETTINGS = 78
EXIT_CANNOT_RUN = 126
"""As a shell's: a command that is there and cannot be run."""
EXIT_NOT_FOUND = 127
EXIT_INTERRUPTED = 130
"""As a shell shows the end by SIGINT."""
EXIT_READER_GONE = 141
"""As a shell shows the end by SIGPIPE: the reader of our output has left."""
