"""What passed is made ready for the eyes, and shown by short-lived links."""
