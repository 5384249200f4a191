"""Libcman's wire protocol: its bytes, what each request asks, and a server for cman's sockets."""
