"""Sockets, clients and what waits for them: beneath every server."""
