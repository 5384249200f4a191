"""Judges that know no simulated host: what must never be, what should be there, what was met."""
