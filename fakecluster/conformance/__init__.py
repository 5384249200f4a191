"""One set of checks an interface, passed by the real thing and by every fake of it."""
