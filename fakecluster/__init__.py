"""fakecluster: clusters that are not there, to test cluster daemons with."""
