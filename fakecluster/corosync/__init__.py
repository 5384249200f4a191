"""Corosync 3, as far as the tests of its membership source need one."""
