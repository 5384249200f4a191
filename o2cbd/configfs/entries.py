"""Reads the node entries back, and keeps what may soundly be kept."""

from __future__ import annotations

import dataclasses
import errno
from operator import attrgetter, is_

from o2cbd.calls import CallBoard
from o2cbd.configfs.files import Files, Listed, closing
from o2cbd.core.model import Entry

Key = tuple[str, int]
"""Name and inode. A node directory keeps its inode for its whole life and a new one gets another,
and num, port and address can be written once only: so this names their values (seen on 6.1)."""

_name_of = attrgetter("name")
_values_of = attrgetter("num", "address", "port", "local", "num_proved")


class EntryReader:
    """Reads `node/`; a complete entry's write-once values are read once for each (name, inode)."""

    def __init__(self, files: Files, calls: CallBoard) -> None:
        self._files = files
        self._calls = calls
        self._kept: dict[Key, Entry] = {}
        self._last: tuple[Entry, ...] = ()
        """The last reading: what reads as it did then is the very same value."""
        self._known: dict[Key, Entry] = {}
        """The same by their keys."""
        self._unchanging: tuple[list[Listed], Listed] | None = None
        """The listing of a reading in which all are complete, and our own entry, which is local."""
        self._proved: set[Key] = set()
        """Whose num 0 was written: that stays so for the life of the directory."""
        self._reads_zero: dict[Key, Entry] = {}
        """Who read num 0, as of the last reading."""

    def written_zero(self, key: Key) -> None:
        """Note that num 0 was written into an entry."""
        self._proved.add(key)

    def refused_zero(self, key: Key) -> bool:
        """Note that num 0 was refused to an entry as used; True when it is used by itself.

        That is proved where the last reading showed nobody else with it, half-made or not: whoever
        makes another node may have given it that num since. No half-made entry had a num itself.
        """
        read = self._reads_zero.get(key)
        proved = read is not None and not read.half_made and len(self._reads_zero) == 1
        if proved:
            self._proved.add(key)
        return proved

    def forget(self) -> None:
        """Read everything anew next time."""
        self._kept.clear()
        self._unchanging = None

    def read(self, node_fd: int, where: str, own: str | None) -> tuple[Entry, ...]:
        """Read all entries.

        Args:
            node_fd: the open `node/` directory.
            where: its path, for errors.
            own: the entry whose `local` is always read; while it is 1 nobody else's can be.

        Raises:
            OSError: an entry that is there cannot be read. One that vanishes is left out.
        """
        with self._calls.declare("scandir node"):
            listing = self._files.listing(node_fd)
        if self._unchanging is not None and self._unchanging[0] == listing:
            item = self._unchanging[1]
            kept = self._kept[item.name, item.inode]
            if item.name == own and self._read_entry(node_fd, where, item, with_local=True) is kept:
                return self._last
        # Ours first: its `local` tells whether the others' must be read.
        found = sorted(
            (item for item in listing if item.is_dir),
            key=lambda item: (item.name != own, item.name),
        )
        entries: list[Entry] = []
        own_is_local = False
        for item in found:
            entry = self._read_entry(node_fd, where, item, with_local=not own_is_local)
            if entry is not None:
                entries.append(entry)
                own_is_local = own_is_local or (entry.local and entry.name == own)
        self._kept = {(entry.name, entry.inode): entry for entry in entries if entry.complete}
        if self._proved:
            self._proved &= {(item.name, item.inode) for item in found}
        self._reads_zero = {(entry.name, entry.inode): entry for entry in entries if not entry.num}
        settled = own_is_local and len(self._kept) == len(found)
        self._unchanging = (listing, found[0]) if settled else None
        self._known = {(entry.name, entry.inode): entry for entry in entries}
        entries.sort(key=_name_of)
        if len(entries) != len(self._last) or not all(map(is_, entries, self._last)):
            self._last = tuple(entries)
        return self._last

    def _read_entry(
        self, node_fd: int, where: str, item: Listed, *, with_local: bool
    ) -> Entry | None:
        kept = self._kept.get((item.name, item.inode))
        if kept is not None and not with_local:
            return dataclasses.replace(kept, local=False) if kept.local else kept
        try:
            with self._calls.declare("open node"):
                opened = self._files.open_walk(item.name, node_fd)
            with closing(self._files, opened) as fd:
                if kept is None:
                    return self._read_values(fd, item, with_local=with_local)
                local = self._number(fd, "local") != 0
                return kept if kept.local == local else dataclasses.replace(kept, local=local)
        except FileNotFoundError as error:
            with self._calls.declare("stat node"):
                inode = self._files.inode_of(item.name, node_fd)
            if inode != item.inode:
                return None  # gone, or gone and made anew: the next reading finds that one
            raise _at(error, where, item.name) from None
        except OSError as error:
            raise _at(error, where, item.name) from None

    def _read_values(self, fd: int, item: Listed, *, with_local: bool) -> Entry:
        address = self._text(fd, "ipv4_address")
        port = self._number(fd, "ipv4_port")
        num = self._number(fd, "num")
        local = with_local and self._number(fd, "local") != 0
        key = (item.name, item.inode)
        proved = bool(self._proved) and key in self._proved
        known = self._known.get(key)
        if known is not None and _values_of(known) == (num, address, port, local, proved):
            return known
        return Entry(
            name=item.name,
            inode=item.inode,
            num=num,
            address=address,
            port=port,
            local=local,
            num_proved=proved,
        )

    def _text(self, fd: int, attribute: str) -> str:
        with self._calls.declare(f"read {attribute}"):
            try:
                return self._files.read_value(attribute, fd)
            except OSError as error:
                error.filename = f"/{attribute}"
                raise

    def _number(self, fd: int, attribute: str) -> int:
        text = self._text(fd, attribute)
        if not (text.isascii() and text.isdigit()):
            raise OSError(errno.EBADMSG, f"not a number: {text!r}", f"/{attribute}")
        return int(text)


def _at(error: OSError, where: str, name: str) -> OSError:
    """Return the same error, saying the whole path: of the attribute, or of the directory."""
    filename = str(error.filename)
    attribute = filename if filename.startswith("/") else ""
    return OSError(error.errno, error.strerror, f"{where}/{name}{attribute}")
