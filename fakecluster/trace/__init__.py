"""Traces: their lines, files, schema and digests."""
