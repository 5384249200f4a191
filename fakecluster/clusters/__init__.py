"""Clusters for tests of any daemon that uses libcman: simulated, or served to real processes."""
