"""What accounts plug into the app, in order: who is asking, pages, JSON, letters, commands, the nightly forgetting."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import click
from flask import Flask, request, session
from flask.cli import AppGroup
from flask_login import LoginManager
from sqlalchemy import bindparam, select

from app.accounts import (
    access,
    admin_views,
    charter_views,
    edge,
    lab,
    letters,
    members,
    post_views,
    profile_views,
    queries,
    tokens,
    views,
)
from app.accounts import api as accounts_api
from app.accounts.models import ApiToken, Member
from app.kernel import api, clock, outbox
from app.kernel.actors import Actor, Door, Role
from app.kernel.api import SCOPES
from app.kernel.db import db, run, transaction
from app.kernel.navigation import add_to_navigation
from app.kernel.refusals import N_
from app.kernel.web import access_of, add_context

PAGES = (views, profile_views, charter_views, admin_views, post_views)
"""The modules whose pages hang on the two blueprints; importing them is what hangs them."""

COMMAND = Actor(member_id=None, roles=frozenset({Role.ADMINISTRATOR}), door=Door.COMMAND)


def init_app(app: Flask) -> None:
    _know_visitors(app)
    app.register_blueprint(edge.bp)
    app.register_blueprint(admin_views.bp)
    app.before_request(charter_views.ask_for_charter)
    api.register(app, accounts_api.blp)
    letters.init_app(app)
    outbox.handle(app, "accounts.send_link", access.send_link)
    outbox.handle(app, "accounts.send_reset", access.send_reset)
    outbox.every(app, "accounts.forget_old", timedelta(hours=24), _forget_old)
    add_context(app, lab=lab.current, reminders=charter_views.reminders)
    add_to_navigation(app, N_("Members"), "people.members_list", "people", order=40, audience="manager")
    add_to_navigation(app, N_("Settings"), "people.checklist", "settings", order=60, audience="manager")
    add_to_navigation(app, N_("Me"), "accounts.profile", "person", order=90, audience="member", in_tabbar=True)
    _commands(app)


# Built once: every request of a member runs one of them.
_ENTITY = select(Member).where(Member.id == bindparam("ident"))
_COLUMNS = select(Member.id, Member.session_epoch, Member.roles, Member.suspended_at, Member.locale, Member.tariff_group).where(
    Member.id == bindparam("ident")
)


def _know_visitors(app: Flask) -> None:
    """A session by flask-login (its id carries the epoch, so that all can be ended), or a token on the JSON API."""
    LoginManager().init_app(app, add_context_processor=False)  # it writes the session; who it names is found here

    def load(ident: str, columns_only: bool) -> Any:
        number, _sep, epoch = ident.partition(":")
        if not number.isdigit():
            return None
        key = {"ident": int(number)}
        found = run(_COLUMNS, **key) if columns_only else db.session.scalars(_ENTITY, key)
        member = found.first()
        return member if member is not None and str(member.session_epoch) == epoch else None

    def identify() -> tuple[Any, Actor] | None:
        header = request.headers.get("Authorization", "")
        if api.is_api_request() and header.startswith("Bearer "):
            found = queries.member_and_token(tokens.fingerprint(header[7:].strip()), clock.now())
            if found is None:
                return None
            _note_use(found[1])
            return found[0], queries.actor_for(found[0], Door.API, found[1].scopes)
        member = load(session.get("_user_id", ""), access_of(request.endpoint).columns_only)
        return (member, queries.actor_for(member, Door.PAGE)) if member is not None else None

    app.extensions["identify"] = identify


def _note_use(token: ApiToken) -> None:
    """When a token was last used, to the hour: a write an hour, not a write a request."""
    now = clock.now()
    if token.last_used_at is None or now - token.last_used_at > timedelta(hours=1):
        with transaction():
            db.session.get_one(ApiToken, token.id).last_used_at = now


def _forget_old() -> None:
    with transaction():
        tokens.forget_old()


def _commands(app: Flask) -> None:
    group = AppGroup("members", help="Add and promote members.")

    @group.command("add")
    @click.argument("email")
    @click.option("--name", required=True)
    def add(email: str, name: str) -> None:
        """A member whose address counts as proved."""
        with transaction():
            member = members.add(actor=COMMAND, name=name, email=email, password_hash=None, locale="fr")
        click.echo(f"{email} added" if member else f"{email} has an account already")

    @group.command("promote")
    @click.argument("email")
    @click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.ADMINISTRATOR.value)
    def promote(email: str, role: str) -> None:
        """Give a role without asking anybody."""
        try:
            with transaction():
                members.promote(actor=COMMAND, email=email, role=Role(role))
        except LookupError:
            click.echo(f"no member has the address {email}", err=True)
            sys.exit(1)
        click.echo(f"{email} is {role}")

    app.cli.add_command(group)
    keys = AppGroup("tokens", help="Keys to the JSON API.")

    @keys.command("create")
    @click.option("--member", "email", required=True)
    @click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(list(SCOPES)))
    @click.option("--days", default=90, type=click.IntRange(1, 3650))
    def create(email: str, scopes: tuple[str, ...], days: int) -> None:
        """Print a token, once."""
        member = queries.member_by_email(email)
        if member is None:
            click.echo(f"no member has the address {email}", err=True)
            sys.exit(1)
        with transaction():
            token = tokens.create_api_token(actor=COMMAND, member_id=member.id, name="command", scopes=scopes, days=days)
        click.echo(token)

    app.cli.add_command(keys)
    setup = AppGroup("setup", help="The first start of a lab.")

    @setup.command("link")
    def link() -> None:
        """Print where the first administrator sets the lab up; nothing once there is one."""
        click.echo("The lab is set up already." if queries.administrators() else admin_views.set_up_url())

    app.cli.add_command(setup)
