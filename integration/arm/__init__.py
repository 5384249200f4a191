"""The scenario suite on real kernels: guests with corosync 3 and the package's own unit."""
