"""Options that tests/ and integration/ share."""

pytest_plugins = ("tests.cman_root",)
