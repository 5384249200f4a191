"""A historic cman, cman 3 on corosync 1, which a user brings along: nobody ships one any more."""
