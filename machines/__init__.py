"""The machines package; see docs/architecture.md."""
