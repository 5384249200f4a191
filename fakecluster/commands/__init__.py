"""The commands `fakecluster run`, `replay` and `mutants`, and what they print."""
