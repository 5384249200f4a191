"""Keeps the file DIRECTORY/leader: the lowest id of a cman cluster's members; empty without quorum.

Run it as `python leader.py DIRECTORY`.
"""

import select
import signal
import sys
from pathlib import Path

from libcman import Libcman

STATE_CHANGE = 1  # CMAN_REASON_STATECHANGE
DISPATCH_ALL = 1  # CMAN_DISPATCH_ALL
RETRY_S = 1.0


class Leader:
    """The daemon. `step` never blocks, so that tests can drive it."""

    def __init__(self, libcman, directory, log=print):
        self.libcman = libcman
        self.file = Path(directory, "leader")
        self.log = log
        self.handle = None
        self.news = self.stopping = False
        self.known = None
        self.elect((), quorate=False)  # what an earlier daemon has left may be wrong

    def stop(self):
        self.stopping = True

    def step(self):
        """Handle pending events; return the descriptor to poll and the time-out in seconds."""
        if self.stopping:
            self.elect((), quorate=False)
            raise SystemExit(0)
        try:
            if self.handle is None:
                self.handle = self.libcman.init()
                self.handle.start_notification(self.notice)
                self.news = True
            self.handle.dispatch(DISPATCH_ALL)
            while self.news:
                self.news = False
                self.read()
            return self.handle.get_fd(), None
        except OSError as error:
            self.log(f"cannot reach cman: {error}; retrying in {RETRY_S:g} s")
            if self.handle is not None:
                self.handle.finish()
            self.handle = None
            self.elect((), quorate=False)
            return None, RETRY_S

    def notice(self, reason, _argument):
        self.news = self.news or reason == STATE_CHANGE

    def read(self):
        count = self.handle.get_node_count()
        _, nodes = self.handle.get_nodes(count + 8)
        members = tuple(sorted(node.nodeid for node in nodes if node.member))
        self.elect(members, quorate=bool(self.handle.is_quorate()))
        self.handle.dispatch(DISPATCH_ALL)  # what libcman has set aside while it answered

    def elect(self, members, quorate):
        if (members, quorate) == self.known:
            return
        self.known = members, quorate
        text = str(members[0]) if members and quorate else ""
        self.log(f"members {members}, {quorate=}: leader {text or 'none'}")
        self.file.write_text(text)


def main():
    daemon = Leader(Libcman(), sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: daemon.stop())
    while True:
        fd, wait_s = daemon.step()
        poll = select.poll()
        if fd is not None:
            poll.register(fd, select.POLLIN)
        poll.poll(1000 * (wait_s or RETRY_S))  # not for ever: a signal does not end it


if __name__ == "__main__":
    main()
