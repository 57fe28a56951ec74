"""What `zhumeng` can do, a file per subject; `deploy.cli` lists them."""
