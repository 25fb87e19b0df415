"""The community package; see docs/architecture.md."""
