"""Scenarios drawn from a seed, run by the thousand."""
