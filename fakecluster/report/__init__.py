"""Pictures of a trace: the terminal grid and the timeline."""
