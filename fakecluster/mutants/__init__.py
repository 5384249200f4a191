"""Mutants of the daemon: bugs put in on purpose, which judge the judges."""
