"""A host in a few lines: the daemon's interfaces in memory, for tests of its core and its agent.

The whole models of configfs and cman are elsewhere in this package. Here is only what a decision
can depend on: that names, nums and addresses are unique, that values are written once and in order,
and that pins keep a node where it is.
"""
