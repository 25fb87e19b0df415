"""The billing package; see docs/architecture.md."""
