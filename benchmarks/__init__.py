"""Speed and size, measured on the real parts: `python -m benchmarks COMMAND`.

Run from a checkout; it is no part of the installed package. Every figure comes with what it is
compared with, measured in the same run: machines differ, and this one may be busy.
"""
