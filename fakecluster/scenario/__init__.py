"""Scenarios as data: what a cluster is, what is done to it and when, and how that is run."""
