"""What the team does about members: finding them, roles, suspensions, notes; and the lab's own settings."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from app.accounts import lab, members, queries
from app.accounts.models import Lab, Member, MemberNote
from app.kernel import clock
from app.kernel.actors import Role
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from tests.accounts.scene import Browser, at_once, codes, count, fresh, letters_to, with_password
from tests.builders import a_member, acting


def grant(by, member, role):
    with transaction():
        return members.grant_role(actor=acting(by), member_id=member.id, role=role)


def revoke(by, member, role):
    with transaction():
        return members.revoke_role(actor=acting(by), member_id=member.id, role=role)


def suspend(by, member, reason="Left the saw on"):
    with transaction():
        return members.suspend(actor=acting(by), member_id=member.id, reason=reason)


def reinstate(by, member):
    with transaction():
        return members.reinstate(actor=acting(by), member_id=member.id)


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# who may give and take which role
POWERS = [
    ("ada", Role.ACCOUNTANT, NotAllowed),
    ("chloe", Role.ACCOUNTANT, NotAllowed),
    ("abel", Role.ACCOUNTANT, NotAllowed),
    ("lea", Role.ACCOUNTANT, None),
    ("lea", Role.MANAGER, {"only_administrators"}),
    ("lea", Role.ADMINISTRATOR, {"only_administrators"}),
    ("nora", Role.ACCOUNTANT, None),
    ("nora", Role.MANAGER, None),
    ("nora", Role.ADMINISTRATOR, None),
]


@pytest.mark.parametrize(("who", "role", "answer"), POWERS)
@pytest.mark.parametrize("act", [grant, revoke])
def test_who_gives_and_takes_which_role(people, act, who, role, answer):
    target = a_member("Max Cible", roles=() if act is grant else (role,))
    by = getattr(people, who)
    if answer is None:
        act(by, target, role)
        assert fresh(target).roles == ([role.value] if act is grant else [])
        return
    with pytest.raises(NotAllowed if answer is NotAllowed else Refused) as refused:
        act(by, target, role)
    assert answer is NotAllowed or codes(refused) == answer
    assert fresh(target).roles == ([] if act is grant else [role.value])


def test_giving_and_taking_a_role_is_written_down_once(people):
    for _ in range(2):
        grant(people.lea, people.ada, Role.ACCOUNTANT)
    for _ in range(2):
        revoke(people.nora, people.ada, Role.ACCOUNTANT)
    kept = AuditEntry.subject == f"member:{people.ada.id}"
    rows = db.session.query(AuditEntry).filter(kept).order_by(AuditEntry.id).all()
    assert [(row.verb, row.actor_id, row.details) for row in rows] == [
        ("member.role_granted", people.lea.id, {"role": "accountant"}),
        ("member.role_revoked", people.nora.id, {"role": "accountant"}),
    ]


def test_the_last_administrator_stays(people):
    with pytest.raises(Refused) as refused:
        revoke(people.nora, people.nora, Role.ADMINISTRATOR)
    assert codes(refused) == {"last_administrator"}
    grant(people.nora, people.lea, Role.ADMINISTRATOR)
    revoke(people.nora, people.nora, Role.ADMINISTRATOR)
    assert queries.administrators() == 1


def test_an_administrator_who_is_suspended_does_not_count_as_the_one_who_stays(people):
    grant(people.nora, people.lea, Role.ADMINISTRATOR)
    suspend(people.nora, people.lea)
    with pytest.raises(Refused) as refused:
        revoke(people.nora, people.nora, Role.ADMINISTRATOR)
    assert codes(refused) == {"last_administrator"}
    revoke(people.nora, people.lea, Role.ADMINISTRATOR)


@pytest.mark.both_engines
@pytest.mark.parametrize("act", ["revoke_role", "suspend"])
def test_of_two_administrators_who_act_on_each_other_at_once_one_stays(app, people, act):
    grant(people.nora, people.lea, Role.ADMINISTRATOR)
    nora, lea = acting(fresh(people.nora)), acting(fresh(people.lea))
    how = {"role": Role.ADMINISTRATOR} if act == "revoke_role" else {"reason": "You first"}
    service = getattr(members, act)
    results = at_once(
        app,
        lambda: service(actor=nora, member_id=lea.member_id, **how),
        lambda: service(actor=lea, member_id=nora.member_id, **how),
    )
    assert queries.administrators() == 1
    assert sorted(type(one).__name__ for one in results) in (["Member", "Refused"], ["Member", "NotAllowed"])


@pytest.mark.both_engines
def test_who_was_suspended_a_moment_ago_suspends_nobody(app, people):
    a_member("Third One", roles=(Role.ADMINISTRATOR,))
    grant(people.nora, people.lea, Role.ADMINISTRATOR)
    nora, lea = acting(fresh(people.nora)), acting(fresh(people.lea))
    results = at_once(
        app,
        lambda: members.suspend(actor=nora, member_id=lea.member_id, reason="You first"),
        lambda: members.suspend(actor=lea, member_id=nora.member_id, reason="No, you"),
    )
    assert sorted(type(one).__name__ for one in results) == ["Member", "NotAllowed"]
    assert queries.administrators() == 2


@pytest.mark.both_engines
def test_of_four_administrators_who_all_resign_at_once_one_stays(app, people):
    others = [a_member(f"Admin {name}", roles=(Role.ADMINISTRATOR,)) for name in "ABC"]
    actors = [acting(one) for one in (people.nora, *others)]
    acts = [lambda one=one: members.revoke_role(actor=one, member_id=one.member_id, role=Role.ADMINISTRATOR) for one in actors]
    results = at_once(app, *acts)
    assert queries.administrators() == 1
    assert [codes(one) for one in results if isinstance(one, Refused)] == [{"last_administrator"}]


def test_roles_are_given_and_taken_back_on_the_members_page(people, as_):
    nora, page = as_(people.nora), f"/members/{people.ada.id}"
    assert nora.fill(page, f"{page}/roles", role="manager").location == page
    assert fresh(people.ada).roles == ["manager"]
    assert nora.fill(page, f"{page}/roles/revocation").location == page
    assert fresh(people.ada).roles == []


def test_a_manager_is_offered_only_what_a_manager_gives(people, as_):
    page = f"/members/{people.ada.id}"
    lea = as_(people.lea)
    assert "administrator" not in lea.text(page).partition("</select>")[0].partition("<select")[2]
    lea.fill(page, f"{page}/roles", role="administrator")
    assert "administrat" in lea.text(page).partition('id="said"')[2].partition("</div>")[0]
    assert fresh(people.ada).roles == []


# ── suspension ───────────────────────────────────────────────────────────────────────────────────────────────────────

SUSPENSIONS = [
    ("ada", "ben", NotAllowed),
    ("chloe", "ben", NotAllowed),
    ("abel", "ben", NotAllowed),
    ("lea", "ben", None),
    ("lea", "chloe", None),
    ("lea", "lea", {"not_yourself", "only_administrators"}),
    ("lea", "nora", {"only_administrators", "last_administrator"}),
    ("nora", "lea", None),
    ("nora", "nora", {"not_yourself", "last_administrator"}),
]


@pytest.mark.parametrize(("who", "whom", "answer"), SUSPENSIONS)
def test_who_suspends_whom(people, who, whom, answer):
    by, target = getattr(people, who), getattr(people, whom)
    if answer is None:
        suspend(by, target)
        assert queries.standing(target.id).suspended == "Left the saw on"
        reinstate(by, target)
        assert queries.standing(target.id).suspended is None
        return
    with pytest.raises(NotAllowed if answer is NotAllowed else Refused) as refused:
        suspend(by, target)
    assert answer is NotAllowed or codes(refused) == answer
    assert queries.standing(target.id).suspended is None


def test_while_somebody_is_suspended_their_roles_sleep(people, as_):
    second = a_member("Max Cadre", roles=(Role.MANAGER,), charter=people.charter)
    browser = as_(second)
    assert browser.get("/members").status_code == 200
    suspend(people.nora, second)
    assert browser.get("/members").status_code == 403
    with pytest.raises(NotAllowed):
        suspend(fresh(second), people.ben)
    with pytest.raises(NotAllowed):
        reinstate(fresh(second), second)
    reinstate(people.nora, second)
    assert browser.get("/members").status_code == 200


def test_who_is_suspended_reads_why_on_the_page_and_by_mail(people, as_):
    lea, page = as_(people.lea), f"/members/{people.ben.id}"
    assert lea.fill(page, f"{page}/suspension", reason="Left the saw on").location == page
    assert "Left the saw on" in letters_to(people.ben.email)[0].text
    assert "Left the saw on" in as_(people.ben).text("/machines")
    lea.fill(page, f"{page}/reinstatement")
    assert [letter.template for letter in letters_to(people.ben.email)] == ["accounts.reinstated", "accounts.suspended"]
    assert fresh(people.ben).suspended_at is None


@pytest.mark.parametrize("reason", ["", "   ", "\x00", "x" * 501])
def test_nobody_is_suspended_without_a_reason(people, as_, reason):
    page = f"/members/{people.ben.id}"
    as_(people.lea).fill(page, f"{page}/suspension", reason=reason)
    assert fresh(people.ben).suspended_at is None


def test_two_clicks_suspend_once_and_write_once(people, as_):
    lea, page = as_(people.lea), f"/members/{people.ben.id}"
    form = lea.form(page, f"{page}/suspension")
    for _ in range(2):
        lea.send(form, reason="Left the saw on")
    assert len(letters_to(people.ben.email)) == 1


# ── notes and finding people ─────────────────────────────────────────────────────────────────────────────────────────


def test_notes_are_read_by_managers_and_not_by_accountants(people, as_):
    lea, page = as_(people.lea), f"/members/{people.ben.id}"
    lea.fill(page, f"{page}/notes", text="Careful with <b>the saw</b>")
    assert "Careful with &lt;b&gt;the saw&lt;/b&gt;" in lea.text(page)
    assert "Careful" not in as_(people.abel).text(page)
    assert as_(people.ada).get(page).status_code == 403
    lea.fill(page, f"{page}/notes", text=" ")
    assert count(MemberNote) == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("lea", ["Léa Martin"]),
        ("LÉA", ["Léa Martin"]),
        ("martin léa", ["Léa Martin"]),
        ("petit", ["Chloé Petit"]),
        ("nora racine x", []),
        ("%", []),
        ("_", []),
        ("a\x00b", []),
    ],
)
def test_members_are_found_by_any_part_of_their_name_without_accents(people, words, found):
    assert [one.name for one in queries.search_members(words).items] == found


@pytest.mark.both_engines
def test_members_are_found_by_their_address_and_sorted_as_people_sort(people):
    a_member("Élodie Zola", email="zola@example.org")
    a_member("Farid Ben")
    assert [one.name for one in queries.search_members("zola@EXAMPLE").items] == ["Élodie Zola"]
    names = [one.name for one in queries.search_members("").items]
    assert names.index("Chloé Petit") < names.index("Élodie Zola") < names.index("Farid Ben")


def test_the_list_of_members_is_paged_in_three_statements_however_many_there_are(people, as_, statements):
    lea = as_(people.lea)
    lea.get("/members")
    statements.clear()
    lea.get("/members")
    few = len(statements)
    for number in range(90):
        a_member(f"Membre{number:02} X")
    statements.clear()
    page = lea.text("/members?page=3")
    assert len(statements) == few
    assert "Membre88 X" in page
    assert lea.get("/members?page=999999999999999999999").status_code == 200
    assert lea.get("/members?page=x&search=%00").status_code == 200


def test_the_search_answers_with_the_list_alone_while_one_types(people, as_):
    fragment = as_(people.lea).get("/members?search=lea", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "Léa Martin" in fragment
    assert "<html" not in fragment


# ── the lab ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LAB = {"name": "L'Atelier", "description_fr": "Bienvenue", "no_show_after_minutes": "20", "closes_on_holidays": None}


def picture(kind="PNG", size=(60, 40)):
    written = BytesIO()
    Image.new("RGB", size, "teal").save(written, kind)
    return written.getvalue()


def test_a_manager_describes_the_lab(people, as_):
    lea = as_(people.lea)
    assert lea.fill("/settings", **LAB).location == "/settings"
    db.session.rollback()
    db.session.expire_all()
    house = db.session.get_one(Lab, 1)
    assert (house.name, house.description, house.no_show_after_minutes, house.closes_on_holidays) == (
        "L'Atelier",
        {"fr": "Bienvenue"},
        20,
        False,
    )
    assert "Bienvenue" in lea.text("/settings")


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"email": "team"}, {"no_show_after_minutes": "-1"}, {"no_show_after_minutes": "x"}, {"holidays_region": "XX"}],
)
def test_a_wrong_setting_is_shown_again(people, as_, wrong):
    assert as_(people.lea).fill("/settings", **LAB | wrong).status_code == 422
    assert db.session.get_one(Lab, 1, populate_existing=True).name == "La Forge du Canal"


def test_the_photo_is_written_anew_and_shown_to_everybody(people, as_, browser):
    lea = as_(people.lea)
    assert lea.fill("/settings", photo=(BytesIO(picture()), "../../etc/passwd")).status_code == 303
    name = db.session.get_one(Lab, 1, populate_existing=True).picture
    assert name.endswith(".webp")
    shown = browser.get(f"/pictures/{name}")
    assert (shown.status_code, shown.content_type) == (200, "image/webp")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"MZ\x90\x00 an executable, renamed", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 422),
        (picture("GIF"), 422),
        (picture()[:40], 422),
        (b"\xff\xd8" + b"x" * 12_000_000, 422),
        (b"x" * (13 * 1024 * 1024), 413),
    ],
    ids=["executable", "svg", "gif", "cut short", "12 MB", "13 MiB"],
)
def test_what_is_not_a_picture_is_refused_and_nothing_is_stored(people, as_, app, data, status):
    stored = list(app.extensions["settings"].uploads.rglob("*.*"))
    sent = as_(people.lea).fill("/settings", name="Kept as typed", photo=(BytesIO(data), "holiday.jpg"))
    assert sent.status_code == status
    assert ("Kept as typed" in sent.get_data(as_text=True)) or status == 413
    assert list(app.extensions["settings"].uploads.rglob("*.*")) == stored
    assert db.session.get_one(Lab, 1, populate_existing=True).picture is None


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "../secret_key", "x.webp", "a%00b.webp", "secret_key"])
def test_a_picture_we_did_not_store_is_not_found(people, browser, name):
    assert browser.get(f"/pictures/{name}").status_code == 404


def test_only_managers_change_the_lab(people):
    with pytest.raises(NotAllowed), transaction():
        lab.change(actor=acting(people.abel), name="Mine")


def test_numbers_too_large_for_any_database_are_not_found(people, as_):
    nora = as_(people.nora)
    for path in ("/admin/letters/99999999999999999999", "/admin/letters/2147483648", "/admin/letters/2147483647"):
        assert nora.get(path).status_code == 404


def test_who_was_invited_long_ago_is_found_with_what_they_still_lack(people, as_):
    a_member("Paul Neuf", email_proved_at=None, created_at=clock.now() - timedelta(days=400))
    assert "Paul Neuf" in as_(people.lea).text("/members?search=neuf")
    assert count(Member, Member.email_proved_at.is_(None)) == 1


def test_the_browser_of_a_member_shows_no_door_to_the_team(people, app):
    page = Browser(app).sign_in(with_password(people.ada)).text("/")
    for path in ("/members", "/settings", "/admin/letters", "/admin/outbox"):
        assert f'href="{path}"' not in page
