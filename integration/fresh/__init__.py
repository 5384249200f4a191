"""The README's commands on a bare Debian, which has nothing that a developer's machine has."""
