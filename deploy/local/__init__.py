"""The whole product on one machine without containers: every server and process under one supervisor, in one folder."""
