"""Who may change what about a person. Pure decisions, and the reasons accounts refuse with."""

from __future__ import annotations

from collections.abc import Iterable

from app.kernel.actors import Role
from app.kernel.refusals import N_, Reason, Refusal

PASSWORD_LEAST = 10

WRONG_PASSWORD = Reason(
    "accounts.wrong_password",
    N_("This address and this password do not go together."),
    N_("Try again, or ask for a link by e-mail."),
)
TOO_MANY_TRIES = Reason(
    "accounts.too_many_tries",
    N_("That was many tries in a short time."),
    N_("Wait %(minutes)d minutes, or use a link by e-mail."),
    icon="clock",
)
LINK_SPENT = Reason(
    "accounts.link_spent",
    N_("This link has expired or was used already."),
    N_("Ask for a new one."),
    next_endpoint="accounts.sign_in",
    icon="clock",
)
ADDRESS_TAKEN = Reason(
    "accounts.address_taken", N_("Another account has this address already."), N_("Sign in with it, or choose another one.")
)
LAST_ADMINISTRATOR = Reason(
    "accounts.last_administrator",
    N_("This is the last administrator of the lab."),
    N_("Make somebody else administrator first."),
    icon="lock",
)
ONLY_ADMINISTRATORS = Reason(
    "accounts.only_administrators",
    N_("Only an administrator gives or takes this role."),
    N_("Ask an administrator."),
    icon="lock",
)
NOT_YOURSELF = Reason("accounts.not_yourself", N_("You cannot do this to your own account."), N_("Ask a colleague."), icon="lock")
NO_CHARTER = Reason(
    "accounts.no_charter",
    N_("The charter changed meanwhile."),
    N_("Read the version in force, then accept it."),
    next_endpoint="accounts.charter",
)
WEAK_PASSWORD = Reason(
    "accounts.weak_password",
    N_("This password is too easy to guess."),
    N_("Choose at least %(least)d characters, without your name or address."),
)

HIGH_ROLES = frozenset({Role.ADMINISTRATOR, Role.MANAGER})


def password_is_weak(password: str, *, name: str, email: str) -> bool:
    """Too short, one character repeated, or nothing but the person's own name or address."""
    folded = password.casefold()
    own = {email.casefold(), email.split("@")[0].casefold(), name.casefold(), name.replace(" ", "").casefold()}
    return len(password) < PASSWORD_LEAST or len(set(password)) < 4 or folded in own


def role_refusals(*, actor_roles: Iterable[Role], role: Role, is_last_administrator: bool) -> list[Refusal]:
    """Managers give roles below theirs; only administrators touch managers and administrators, and never the last one."""
    found = []
    if role in HIGH_ROLES and Role.ADMINISTRATOR not in set(actor_roles):
        found.append(ONLY_ADMINISTRATORS())
    if is_last_administrator:
        found.append(LAST_ADMINISTRATOR())
    return found
