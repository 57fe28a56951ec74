"""Every kind of test gets its real servers from one place."""

pytest_plugins = ["tests.support.servers"]
