"""A stand-in for libcman.so.3: our own C library with its binary interface, built when needed."""

from fakecluster.cman.standin.build import BuildError, standin_library

__all__ = ["BuildError", "standin_library"]
