"""Rigs for whoever tries out a cman or a libcman: none of the fake itself needs them."""
