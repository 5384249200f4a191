"""Hosts in virtual time: kernels, disks, semaphores, daemons, and the world that they are in."""
