"""A stand-in for libcman.so.3: our own C library with its binary interface, built when needed.

`python -m fakecluster.cman.standin --destdir /` installs it, with its header.
"""

from fakecluster.cman.standin.build import BuildError, pkgconfig_directory, standin_library

__all__ = ["BuildError", "pkgconfig_directory", "standin_library"]
