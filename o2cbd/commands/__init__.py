"""The commands, one module each; `command` in it is what `o2cbd.cli` runs."""
