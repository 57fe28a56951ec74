"""What crosses a border: events, ingress messages, rulebooks and their schemas."""
