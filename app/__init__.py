"""Établi, the workbench of a shared workshop. This module imports nothing: it is the map of the house.

    app.kernel      the ground: database, clock, money, refusals, outbox, mail, languages, web and API set-up
    app.accounts    members, roles, sign-in, the charter, the lab's own settings
    app.calendar    resources, opening hours, occupancies: what can be taken, when, and by whom
    billing         rates, charges, the ledger, payments, receipts
    trainings       competences and certifications
    machines        the catalogue, reservations, check-in and use
    app.community   (empty until projects come)
    app.reports     the Today board: reads everything, writes nothing
    app.factory     create_app(): the roof, the only module that knows every feature

A module imports only from packages above its own line (see `[tool.importlinter]` in pyproject.toml).
"""
