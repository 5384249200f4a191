"""Real clusters: the guest image, the control of QEMU, and what is compared with a real kernel.

Run from a checkout: `python -m integration smoke`. It is no part of the installed package.
"""
