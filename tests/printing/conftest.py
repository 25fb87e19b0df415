"""The workshop of the machines, for tests of what its printers do."""

from tests.machines.conftest import as_, built, shop

__all__ = ["as_", "built", "shop"]
