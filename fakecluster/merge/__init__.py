"""One trace out of what several hosts wrote down: dumps, journals, and the account of verbs."""
