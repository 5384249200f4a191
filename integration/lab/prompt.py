"""What a developer may type to a lab: one verb a line."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence

from integration.errors import GuestError
from integration.lab.lab import Lab

_RUN_TIMEOUT_S = 600

HELP = """\
run N COMMAND...   run a command in machine N
kill N | boot N    cut its power | switch it on, with the disk that it has
pause N | resume N
partition 1,2/3    let hosts hear each other within a group alone; the rest is one
cut A B            let B not hear A
heal               let everybody hear everybody
alive              which machines run
console N          all that its console has said
quit"""


class Prompt:
    """Does verbs on a lab."""

    def __init__(self, lab: Lab) -> None:
        """Work on a running lab."""
        self._lab = lab
        self._orders: dict[str, Callable[[Sequence[str]], object]] = {
            "kill": lambda words: lab.machines[int(words[0])].kill(),
            "boot": lambda words: lab.boot(int(words[0])),
            "pause": lambda words: lab.machines[int(words[0])].pause(),
            "resume": lambda words: lab.machines[int(words[0])].resume(),
            "partition": lambda words: lab.network.partition(*_groups(words[0])),
            "cut": lambda words: lab.network.cut(int(words[0]), int(words[1])),
            "heal": lambda _words: lab.network.heal(),
        }
        self._questions: dict[str, Callable[[Sequence[str]], str]] = {
            "run": self._run,
            "alive": lambda _words: " ".join(str(n) for n in lab.machines if lab.alive(n)),
            "console": lambda words: lab.machines[int(words[0])].console_text(),
            "help": lambda _words: HELP,
        }

    def do(self, words: Sequence[str]) -> str:
        """Do one verb; what it answers.

        Raises:
            GuestError: there is no such verb or machine, or it failed.
        """
        verb, *rest = words
        if verb not in {*self._orders, *self._questions}:
            raise GuestError(f"unknown verb {verb!r}; `help` lists them")
        try:
            if verb in self._questions:
                return self._questions[verb](rest)
            self._orders[verb](rest)
        except (IndexError, KeyError, ValueError):
            raise GuestError(f"invalid arguments: {' '.join(words)}; `help` lists them") from None
        return "done"

    def serve(self, lines: Iterable[str], answer: Callable[[str], None]) -> None:
        """Do a verb a line until `quit` or the end; what fails is said."""
        for line in lines:
            try:
                words = shlex.split(line)
                if words == ["quit"]:
                    return
                if words:
                    answer(self.do(words))
            except (GuestError, ValueError) as error:
                answer(f"failed: {error}")

    def _run(self, words: Sequence[str]) -> str:
        number, *argv = words
        result = self._lab.guest(int(number)).run(argv, timeout_s=_RUN_TIMEOUT_S)
        parts = [result.out, result.err.rstrip("\n")]
        if result.rc != 0:
            parts.append(f"(ended with {result.rc})")
        return "\n".join(part for part in parts if part)


def _groups(text: str) -> list[list[int]]:
    return [[int(word) for word in part.split(",")] for part in text.split("/")]
