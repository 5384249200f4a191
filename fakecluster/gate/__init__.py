"""Cman's socket protocol over a real corosync 3: the simulator's daemon in another world."""
