"""The accounts package; see docs/architecture.md."""
