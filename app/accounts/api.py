"""Accounts as JSON: joining, proving, a token against a password, oneself, the charter; members for managers."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request

from app.accounts import access, members, passwords, queries, rules, throttle, tokens
from app.accounts import charter as charters
from app.accounts.models import Charter, Member
from app.accounts.schemas import (
    AcceptanceSchema,
    CharterSchema,
    MemberSchema,
    MeSchema,
    NewTokenSchema,
    ProfileChange,
    ProofSchema,
    SearchQuery,
    SignUpSchema,
    TokenSchema,
)
from app.accounts.throttle import Throttled, Try
from app.kernel import api
from app.kernel.actors import Actor, Door, Role, current_actor
from app.kernel.api import answers, scoped
from app.kernel.db import transaction
from app.kernel.refusals import NotAllowed, Refused
from app.kernel.web import public

blp = api.blueprint("accounts", __name__, "Members, tokens and the charter")


@blp.post("/members")
@blp.arguments(SignUpSchema)
@blp.response(202)
@answers(blp, 400, 409, 415, 429)
@public
def sign_up(wanted: dict[str, Any]) -> Any:
    """Join. The address is proved by the link in the letter; the answer is the same for an address that has an account."""
    if wanted["password"] and rules.password_is_weak(wanted["password"], name=wanted["name"], email=wanted["email"]):
        raise Refused([rules.WEAK_PASSWORD(least=rules.PASSWORD_LEAST)])
    try:
        throttle.count_try(Try.JOINING, wanted["email"], _address())
    except Throttled as throttled:
        return _too_many(throttled)
    password_hash = passwords.hashed(wanted["password"]) if wanted["password"] else None
    with transaction():
        members.sign_up(
            actor=Actor(None, door=Door.API),
            name=wanted["name"],
            email=wanted["email"],
            password_hash=password_hash,
            locale=wanted["locale"],
        )
    return None


@blp.post("/email-proofs")
@blp.arguments(ProofSchema)
@blp.response(204)
@answers(blp, 400, 409, 415)
@public
def prove(said: dict[str, Any]) -> None:
    """Prove an address with the token of the letter's link."""
    with transaction():
        access.prove_email(token=said["token"])


@blp.post("/tokens")
@blp.arguments(NewTokenSchema)
@blp.response(201, TokenSchema)
@answers(blp, 400, 409, 415, 429)
@public
def create_token(wanted: dict[str, Any]) -> Any:
    """A token against an address and a password, shown once, good for 90 days."""
    try:
        throttle.count_try(Try.PASSWORD, wanted["email"], _address())
    except Throttled as throttled:
        return _too_many(throttled)
    member = queries.member_by_email(wanted["email"])
    if not passwords.verified(member.password_hash if member else None, wanted["password"]) or member is None:
        raise Refused([rules.WRONG_PASSWORD()])
    with transaction():
        throttle.forgive(Try.PASSWORD, wanted["email"], _address())
        actor = Actor(member.id, door=Door.API)
        token = tokens.create_api_token(actor=actor, member_id=member.id, name=wanted["name"], scopes=wanted["scopes"])
    return {"token": token}


@blp.get("/me")
@blp.response(200, MeSchema)
@answers(blp, 401, 403)
@scoped("profile")
def me() -> dict[str, Any]:
    """Who you are here, and what still stands before booking."""
    return _me(g.member)


@blp.patch("/me")
@blp.arguments(ProfileChange)
@blp.response(200, MeSchema)
@answers(blp, 400, 401, 403, 415)
@scoped("profile")
def change_me(wanted: dict[str, Any]) -> dict[str, Any]:
    """Change your name, language, price level or photo consent."""
    with transaction():
        member = members.update_profile(actor=current_actor(), member_id=g.member.id, **wanted)
    return _me(member)


@blp.get("/charter")
@blp.response(200, CharterSchema)
@answers(blp, 404)
@public
def charter() -> Charter | Response:
    """The charter in force."""
    return queries.charter_in_force() or api.problem(404)


@blp.post("/charter/acceptance")
@blp.arguments(AcceptanceSchema)
@blp.response(204)
@answers(blp, 400, 401, 403, 409, 415, 429)
@scoped("profile")
def accept(said: dict[str, Any]) -> Any:
    """Accept it; a minor names a guardian, who confirms by mail."""
    if said["guardian_email"]:
        try:
            throttle.count_try(Try.LETTER, said["guardian_email"], _address())
        except Throttled as throttled:
            return _too_many(throttled)
    with transaction():
        charters.accept(actor=current_actor(), **said)
    return None


@blp.get("/members")
@blp.arguments(SearchQuery, location="query")
@blp.response(200, MemberSchema(many=True))
@answers(blp, 401, 403)
@scoped("manage")
def search(query: dict[str, Any]) -> list[Member]:
    """Members by name or address; for managers."""
    if not current_actor().has(Role.MANAGER):
        raise NotAllowed
    return queries.search_members(query["search"], query["page"]).items


def _address() -> str:
    return request.remote_addr or "unknown"


def _me(member: Member) -> dict[str, Any]:
    standing = queries.standing(member.id)
    return {
        "id": member.id,
        "name": member.name,
        "email": member.email,
        "locale": member.locale,
        "tariff_group": member.tariff_group,
        "roles": member.roles,
        "email_proved": standing.email_proved,
        "charter_accepted": standing.charter_accepted,
        "suspended": standing.suspended,
    }


def _too_many(throttled: Throttled) -> Response:
    reasons = api.reasons(throttled.refusals)
    response = api.problem(429, str(reasons[0]["message"]), reasons=reasons)
    response.headers["Retry-After"] = str(int(throttle.WINDOW.total_seconds()))
    return response
