"""What an operator asks about printers at the command line, and what the doctor says of them."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from app.kernel import i18n
from machines.printing import doors, links
from machines.printing.gateway import PrinterError
from machines.printing.models import PrinterLink
from machines.printing.rules import Circuit


def init_app(app: Flask) -> None:
    group = AppGroup("printers", help="Printers and their servers.")

    @group.command("list")
    def list_printers() -> None:
        """Every linked printer: where it is, who we are there, how it stands."""
        found = links.every()
        for link in found:
            with i18n.speaking("en"):
                name = i18n.in_words(link.machine.name)
            server = f"{link.product} {link.version}" if link.product else "not tested"
            user = f" as {link.remote_user}" if link.remote_user else ""
            click.echo(
                f"{link.machine.slug}: {name}, {link.kind} at {link.address}, {server}{user}: {wrong_with(link) or 'in order'}"
            )
        if not found:
            click.echo("No printer is linked; administrators link them under Settings, Printers.")

    app.cli.add_command(group)


def wrong_with(link: PrinterLink) -> str | None:
    """What an operator should look at, in a few words; None when all is well. No request is made."""
    if not link.is_enabled:
        return "switched off"
    try:
        doors.backend(link)
    except PrinterError as error:
        return str(error)
    remarks = {
        "its server refuses our key": link.circuit is Circuit.AUTH,
        "its server does not answer": link.circuit is Circuit.OPEN,
        f"our user there lacks {', '.join(link.missing)}": link.missing,
        f"our key may do too much ({', '.join(link.too_strong)})": link.too_strong,
    }
    return next((words for words, holds in remarks.items() if holds), None)


def diagnosis() -> tuple[str, str]:
    """The doctor's verdict (ok, warning) and its words, for all printers together."""
    linked = [link for link in links.every() if link.is_enabled]
    troubled = [f"{link.machine.slug}: {words}" for link in linked if (words := wrong_with(link))]
    if troubled:
        return "warning", "; ".join(troubled)
    return "ok", f"{len(linked)} linked, in order" if linked else "none linked"
