"""Clusters of guests: their image, their network, their disks, and what can happen to them."""
