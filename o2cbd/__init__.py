"""o2cbd: keeps the OCFS2 cluster tables of a Linux kernel equal to the membership."""

__version__ = "0.1.0"
