"""The reports package; see docs/architecture.md."""
