"""The charter: published in versions, accepted point by point, and for a minor confirmed by a guardian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.accounts import queries, rules, tokens
from app.accounts.models import Charter, CharterAcceptance, Lab, Member, TokenPurpose
from app.kernel import audit, clock, mail
from app.kernel.actors import Actor, Door, Role
from app.kernel.db import db, lock_all, locked
from app.kernel.refusals import NotAllowed, Refused

FIRST_POINTS: Sequence[Mapping[str, str]] = (
    {
        "fr": "Je n’utilise une machine qu’habilité·e, et je demande quand j’hésite.",
        "en": "I use a machine only once certified, and I ask when in doubt.",
    },
    {
        "fr": "Lunettes, cheveux attachés, pas de manches flottantes près de ce qui tourne.",
        "en": "Goggles, hair tied, no loose sleeves near what turns.",
    },
    {
        "fr": "Je ne laisse jamais un laser ou une fraiseuse sans surveillance.",
        "en": "I never leave a laser or a mill unattended.",
    },
    {"fr": "Je rends la machine propre et le poste rangé.", "en": "I leave the machine clean and the bench tidy."},
    {
        "fr": "Je signale toute panne tout de suite, même si c’est moi.",
        "en": "I report every fault at once, even when it was me.",
    },
    {"fr": "J’honore mes réservations ou je les annule à temps.", "en": "I honour my reservations or cancel them in time."},
    {"fr": "Je respecte les personnes, leurs projets et leur image.", "en": "I respect people, their projects and their image."},
)


def publish(*, actor: Actor, title: Mapping[str, str], intro: Mapping[str, str], points: Sequence[Mapping[str, str]]) -> Charter:
    """A new version, in force at once: everybody is asked again."""
    if not actor.has(Role.MANAGER) and actor.member_id is not None:
        raise NotAllowed
    lock_all(Lab, [1])  # two who publish at once make two versions, one after the other
    before = queries.charter_in_force()
    charter = Charter(
        version=before.version + 1 if before else 1,
        title=dict(title),
        intro=dict(intro),
        points=[dict(point) for point in points],
        published_at=clock.now(),
    )
    db.session.add(charter)
    db.session.flush()  # the audit names its id
    audit.record(actor, "charter.published", f"charter:{charter.id}", version=charter.version)
    return charter


def publish_first(*, actor: Actor) -> Charter:
    """The charter a new lab starts from."""
    title = {"fr": "La charte de l’atelier", "en": "The workshop's charter"}
    intro = {
        "fr": "Sept points, pour que chacun reparte entier et content.",
        "en": "Seven points, so that everybody leaves whole and happy.",
    }
    return publish(actor=actor, title=title, intro=intro, points=FIRST_POINTS)


def accept(
    *, actor: Actor, version: int, photo_consent: bool, guardian_name: str | None = None, guardian_email: str | None = None
) -> CharterAcceptance:
    """Accept the version in force. With a guardian's address it counts once they confirmed by the link they get.

    Accepting again changes nothing, except that a guardian not yet heard of is written to again. Raises Refused(NO_CHARTER)
    when another version is in force by now, and what rules.acceptance_refusals finds.
    """
    if actor.member_id is None:
        raise NotAllowed
    charter = queries.charter_in_force()
    if charter is None or charter.version != version:
        raise Refused([rules.NO_CHARTER()])
    member = locked(Member, actor.member_id)
    guardian_email = guardian_email.strip().lower() if guardian_email else None
    found = rules.acceptance_refusals(
        email=member.email, guardian_email=guardian_email, born_on=member.born_on, today=clock.today()
    )
    if found:
        raise Refused(found)
    member.photo_consent = photo_consent
    acceptance = queries.acceptance(member.id, charter.id)
    if acceptance is None:
        acceptance = CharterAcceptance(member_id=member.id, charter_id=charter.id, accepted_at=clock.now())
        db.session.add(acceptance)
        audit.record(actor, "charter.accepted", f"charter:{charter.id}", guardian=bool(guardian_email) or None)
    if guardian_email and acceptance.guardian_confirmed_at is None:
        acceptance.guardian_name, acceptance.guardian_email = " ".join((guardian_name or "").split()), guardian_email
        db.session.flush()  # the link names its id
        token = tokens.issue(TokenPurpose.GUARDIAN, member.id, extra=str(acceptance.id))
        mail.send("accounts.guardian", acceptance=acceptance.id, token=token)
    return acceptance


def confirm_by_guardian(*, token: str) -> CharterAcceptance:
    """Raises Refused(LINK_SPENT)."""
    row = tokens.spend(TokenPurpose.GUARDIAN, token)
    acceptance = locked(CharterAcceptance, int(row.extra or 0))
    acceptance.guardian_confirmed_at = clock.now()
    by = Actor(member_id=None, door=Door.LINK)
    audit.record(by, "charter.guardian_confirmed", f"charter:{acceptance.charter_id}", member=row.member_id)
    return acceptance
