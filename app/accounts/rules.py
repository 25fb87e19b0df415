"""Who may change what about a person. Pure decisions, and the reasons accounts refuse with."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import date

from app.kernel.refusals import N_, Reason, Refusal

PASSWORD_LEAST = 10

WRONG_PASSWORD = Reason(
    "accounts.wrong_password",
    N_("This address and this password do not go together."),
    N_("Try again, or ask for a link by e-mail: no password needed."),
)
TOO_MANY_TRIES = Reason(
    "accounts.too_many_tries",
    N_("That was many tries in a short time."),
    N_("Wait %(minutes)d minutes, or use a link by e-mail."),
    icon="clock",
)
TOO_MANY_LETTERS = Reason(
    "accounts.too_many_letters",
    N_("We wrote to this address several times already."),
    N_("Use the link of one of these letters, or wait %(minutes)d minutes."),
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
    N_("Only an administrator decides about managers and administrators."),
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
GUARDIAN_NEEDED = Reason(
    "accounts.guardian_needed",
    N_("Under 18, a guardian agrees with you."),
    N_("Tick “I am under 18”, then give their name and e-mail address."),
    icon="people",
)
GUARDIAN_IS_YOU = Reason(
    "accounts.guardian_is_you",
    N_("Your guardian cannot have your own e-mail address."),
    N_("Give theirs: we write to them."),
    icon="people",
)
WEAK_PASSWORD = Reason(
    "accounts.weak_password",
    N_("This password is too easy to guess."),
    N_("Choose at least %(least)d characters, without your name or address."),
)

ADMINISTRATOR, MANAGER = "administrator", "manager"
HIGH_ROLES = frozenset({ADMINISTRATOR, MANAGER})
ADULT_AT = 18


def password_is_weak(password: str, *, name: str, email: str) -> bool:
    """Too short, one character repeated, or nothing but the person's own name or address."""
    own = {folded(text) for text in (email, email.split("@")[0], name, name.replace(" ", ""))}
    return len(password) < PASSWORD_LEAST or len(set(password)) < 4 or folded(password) in own


def role_refusals(*, actor_roles: Collection[str], role: str, is_last_administrator: bool) -> list[Refusal]:
    """Managers give roles below theirs; only administrators touch managers and administrators, and never the last one."""
    found = []
    if role in HIGH_ROLES and ADMINISTRATOR not in actor_roles:
        found.append(ONLY_ADMINISTRATORS())
    if is_last_administrator:
        found.append(LAST_ADMINISTRATOR())
    return found


def suspension_refusals(
    *, actor_roles: Collection[str], member_roles: Collection[str], is_themselves: bool, is_last_administrator: bool
) -> list[Refusal]:
    """Nobody suspends or reinstates themselves; managers and administrators are for administrators; the last one stays."""
    found = []
    if is_themselves:
        found.append(NOT_YOURSELF())
    if HIGH_ROLES.intersection(member_roles) and ADMINISTRATOR not in actor_roles:
        found.append(ONLY_ADMINISTRATORS())
    if is_last_administrator:
        found.append(LAST_ADMINISTRATOR())
    return found


def acceptance_refusals(*, email: str, guardian_email: str | None, born_on: date | None, today: date) -> list[Refusal]:
    """Who is known to be under 18 names a guardian, and the guardian is somebody else."""
    found = []
    if guardian_email is None and born_on is not None and age_on(today, born_on) < ADULT_AT:
        found.append(GUARDIAN_NEEDED())
    if guardian_email is not None and guardian_email == email:
        found.append(GUARDIAN_IS_YOU())
    return found


def age_on(day: date, born_on: date) -> int:
    """In whole years; who was born on 29 February is a year older on 1 March of the other years."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))


def folded(text: str) -> str:
    """Without accents and capitals, to compare and to sort by: “Élodie” is found by “elodie”, between “Denis” and “Farid”."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()
