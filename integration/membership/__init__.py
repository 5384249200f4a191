"""The checks of a membership source, on the corosync and the package of a guest."""
