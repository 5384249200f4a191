"""A multi-node cman that is not there: engine, libcman wire server and stand-in library."""
