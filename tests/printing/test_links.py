"""Linking printers: only administrators, nothing twice, no key sent elsewhere, no key in the books, one change at a time."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, text

from app import health
from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from machines.printing import doors, link_commands, links, materials, vault
from machines.printing.gateway import AddressRefused, BadKey, ProbeResult
from machines.printing.models import PrinterLink, PrintFile, PrintJob
from machines.printing.rules import Approval, Circuit, EndPolicy, JobState
from tests.builders import acting, save
from tests.conftest import settings_for
from tests.machines.scene import at_once, book, fresh

ADDRESS = "http://127.0.0.1:5000"
SECRET = "AbCdEf0123456789-printer-key"
FOUND = ProbeResult("OctoPrint", "1.11.8", "etabli")


def refused(act):
    with pytest.raises(Refused) as found:
        act()
    return [one.code for one in found.value.refusals]


def connect(by, machine, address=ADDRESS, *, kind="octoprint", revision=0):
    with transaction():
        return links.connect(actor=acting(by), machine_id=machine.id, kind=kind, address=address, revision=revision)


def store(by, link, key=SECRET, app="Etabli printer", found=FOUND, **more):
    with transaction():
        links.store_key(
            actor=acting(by),
            link_id=link.id,
            key=key,
            app_name=app,
            found=found,
            address=more.pop("address", link.address),
            **more,
        )
    return fresh(link)


def describe(by, link, revision, **values):
    with transaction():
        links.describe(actor=acting(by), link_id=link.id, revision=revision, material_ids=values.pop("materials", ()), **values)
    return fresh(link)


def in_transaction(service, **more):
    with transaction():
        service(**more)


def both(app, *acts):
    """How acts of the same moment end: done, or why not."""
    return sorted(str(one) if isinstance(one, Exception) else "done" for one in at_once(app, acts))


def verbs(link):
    rows = select(AuditEntry.verb).where(AuditEntry.subject == link.subject).order_by(AuditEntry.id)
    return list(db.session.scalars(rows))


def a_job(shop, link, state=JobState.PRINTING):
    reservation = book(shop.lea, shop.printer)
    file = PrintFile(
        owner_id=shop.lea.id, name="part.gcode", sha256="0" * 64, size=1, stored="x", uploaded_at=clock.now(), facts={}
    )
    save(file)
    job = PrintJob(
        reservation_id=reservation.id, link_id=link.id, file_id=file.id, attempt=1, state=state, attached_at=clock.now(),
        attached_by_id=shop.lea.id,
    )  # fmt: skip
    save(job)
    return job


@pytest.fixture
def link(shop):
    return connect(shop.adele, shop.printer)


# ── who, and where ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_administrators_change_a_link(shop, link):
    for member in (shop.lea, shop.chloe, shop.alba, shop.ada):
        actor = acting(member)
        for act in (
            lambda a=actor: links.connect(actor=a, machine_id=shop.printer.id, kind="octoprint", address=ADDRESS, revision=0),
            lambda a=actor: links.store_key(actor=a, link_id=link.id, key=SECRET, app_name=None, found=FOUND, address=ADDRESS),
            lambda a=actor: links.describe(actor=a, link_id=link.id, revision=1, material_ids=(), bed_x=1),
            lambda a=actor: links.note_probe(actor=a, link_id=link.id, found=FOUND),
            lambda a=actor: links.note_failure(actor=a, link_id=link.id, what="test", reason="x"),
            lambda a=actor: links.note_former_revoked(actor=a, link_id=link.id, app_name="x"),
            lambda a=actor: links.disable(actor=a, link_id=link.id),
            lambda a=actor: links.enable(actor=a, link_id=link.id),
            lambda a=actor: links.remove(actor=a, link_id=link.id),
        ):
            with pytest.raises(NotAllowed), transaction():
                act()
    assert fresh(link).revision == 1


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("octoprint", "http://8.8.8.8"),
        ("octoprint", "ftp://127.0.0.1"),
        ("octoprint", "http://127.0.0.1:5000/?x=1"),
        ("octoprint", "http://169.254.169.254"),
        ("octoprint", "simulator://prusa-1"),
        ("simulator", ADDRESS),
        ("simulator", "simulator://../../etc"),
        ("simulator", "simulator://prusa-1?speed=0"),
    ],
)
def test_an_address_that_may_not_be_talked_to_is_not_stored(shop, kind, address):
    with pytest.raises(AddressRefused):
        connect(shop.adele, shop.printer, address, kind=kind)
    assert links.of_machine(shop.printer.id) is None


def test_one_server_is_written_one_way(shop):
    assert connect(shop.adele, shop.printer, "http://127.0.0.1:80/octo/").address == "http://127.0.0.1/octo"


@pytest.mark.both_engines
def test_two_administrators_who_link_one_printer_at_once_make_one_link(app, shop):
    actor, ident = acting(shop.adele), shop.printer.id

    def act(address):
        return lambda: links.connect(actor=actor, machine_id=ident, kind="octoprint", address=address, revision=0)

    assert both(app, act("http://127.0.0.1:5000"), act("http://127.0.0.1:5001")) == ["done", "printing.link_changed_meanwhile"]
    assert db.session.scalar(text("select count(*) from printer_link")) == 1


# ── the key ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_a_key_stands_nowhere_in_clear(shop, link):
    stored = store(shop.adele, link)
    assert doors.key(stored) == SECRET
    with db.engine.connect() as connection:
        tables = ("printer_link", "audit_entry", "outbox_message", "submission")
        rows = [str(row) for table in tables for row in connection.execute(text(f"select * from {table}"))]
    assert rows
    assert not any(SECRET in row for row in rows)


def test_another_address_forgets_the_key_and_all_that_was_known(shop, link):
    stored = store(
        shop.adele, link, found=ProbeResult("OctoPrint", "1.11.8", "etabli", missing=("PRINT",), too_strong=("ADMIN",))
    )
    moved = fresh(connect(shop.adele, shop.printer, "http://127.0.0.1:5001", revision=stored.revision))
    assert (moved.key_sealed, moved.app_name, moved.remote_user, moved.product, moved.probed_at) == (None,) * 5
    assert (moved.missing, moved.too_strong) == ([], [])
    with pytest.raises(BadKey):
        doors.backend(moved)


def test_the_same_address_again_changes_nothing(shop, link):
    stored = store(shop.adele, link)
    connect(shop.adele, shop.printer, f"{ADDRESS}/", revision=0)
    again = fresh(link)
    assert (doors.key(again), again.revision) == (SECRET, stored.revision)


def test_a_key_proved_at_another_address_is_not_stored(shop, link):
    connect(shop.adele, shop.printer, "http://127.0.0.1:5001", revision=link.revision)
    assert refused(lambda: store(shop.adele, link, address=ADDRESS)) == ["printing.link_changed_meanwhile"]
    assert fresh(link).key_sealed is None


def test_the_key_before_is_known_until_it_is_revoked(shop, link):
    store(shop.adele, link, app="Etabli printer")
    renewed = store(shop.adele, link, "another-key-0123456789", app="Etabli printer 2")
    assert (renewed.app_name, renewed.former_app) == ("Etabli printer 2", "Etabli printer")
    for name, left in (("Etabli other", "Etabli printer"), ("Etabli printer", None)):
        in_transaction(links.note_former_revoked, actor=acting(shop.adele), link_id=link.id, app_name=name)
        assert fresh(link).former_app == left


@pytest.mark.parametrize(
    ("first", "user", "second"),
    [
        (None, "etabli", "Etabli printer"),
        ("Etabli printer", "other", "Etabli printer 2"),
        ("Etabli printer", "etabli", "Etabli printer"),
    ],
)
def test_no_key_to_revoke_where_it_is_not_ours_or_the_same(shop, link, first, user, second):
    store(shop.adele, link, app=first, found=ProbeResult("OctoPrint", "1", user))
    assert store(shop.adele, link, "another-key-0123456789", app=second).former_app is None


def test_each_new_key_has_a_name_of_its_own(shop, link):
    names = []
    for _round in range(3):
        names.append(links.next_app_name(fresh(link), "2"))
        store(shop.adele, link, app=names[-1])
    assert len({name.lower() for name in names}) == 3


def test_a_key_sealed_with_another_secret_key_is_said_not_used(app, shop, link, monkeypatch, tmp_path):
    store(shop.adele, link)
    url = db.engine.url.render_as_string(hide_password=False)
    monkeypatch.setitem(
        app.extensions, "settings", settings_for(tmp_path, url, secret_key="quite another secret of forty characters")
    )
    with pytest.raises(BadKey):
        doors.backend(fresh(link))
    assert "SECRET_KEY has changed" in link_commands.diagnosis()[1]


# ── limits and policies ──────────────────────────────────────────────────────────────────────────────────────────────


def test_limits_and_policies_are_kept_and_audited_by_name(shop, link):
    with transaction():
        pla = materials.add(actor=acting(shop.lea), code="PLA", name={"fr": "PLA"}, density_mg=None, cents_per_kilogram=None)
    changed = describe(
        shop.adele, link, 1, bed_x=300, approval=Approval.FIRST, end_policy=EndPolicy.STAFF, refused_commands=["M112"],
        materials=[pla.id, pla.id],
    )  # fmt: skip
    assert (changed.bed_x, changed.approval, changed.end_policy, changed.refused_commands) == (
        300, Approval.FIRST, EndPolicy.STAFF, ["M112"],
    )  # fmt: skip
    assert (links.materials_of(link.id), changed.revision) == ([pla.id], 2)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "printer.described")).one()
    assert entry.details["changed"] == {
        "bed_x": [250, 300], "approval": ["never", "first"], "end_policy": ["finish", "staff"],
        "refused_commands": [None, ["M112"]], "materials": [[], [pla.id]],
    }  # fmt: skip


def test_a_camera_has_the_same_networks(shop, link):
    with pytest.raises(AddressRefused):
        describe(shop.adele, link, 1, camera_address="http://8.8.8.8/still.jpg")
    assert describe(shop.adele, link, 1, camera_address="http://127.0.0.1/?action=snapshot").camera_address


def test_saving_the_same_is_no_change(shop, link):
    describe(shop.adele, link, 1, bed_x=link.bed_x)
    assert (fresh(link).revision, verbs(link)) == (1, ["printer.address_set"])


@pytest.mark.both_engines
def test_of_two_who_save_at_once_the_second_is_told(app, shop, link):
    actor, ident = acting(shop.adele), link.id

    def act(width):
        return lambda: links.describe(actor=actor, link_id=ident, revision=1, material_ids=(), bed_x=width)

    assert both(app, act(300), act(400)) == ["done", "printing.link_changed_meanwhile"]
    assert (fresh(link).bed_x in (300, 400), fresh(link).revision) == (True, 2)


def test_a_test_does_not_stand_in_the_way_of_who_is_writing(shop, link):
    in_transaction(links.note_probe, actor=acting(shop.adele), link_id=link.id, found=FOUND)
    assert describe(shop.adele, link, 1, bed_x=300).bed_x == 300


# ── switching off, removing, trying again ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [JobState.SENDING, JobState.STARTING, JobState.PRINTING, JobState.PAUSED, JobState.CANCELLING])
def test_nothing_is_taken_from_under_a_print(shop, link, state):
    a_job(shop, link, state)
    actor = acting(shop.adele)
    for service in (links.disable, links.remove):
        assert refused(lambda s=service: in_transaction(s, actor=actor, link_id=link.id)) == ["printing.link_in_use"]
    assert refused(lambda: connect(shop.adele, shop.printer, "http://127.0.0.1:5001", revision=1)) == ["printing.link_in_use"]
    assert store(shop.adele, link).key_sealed  # a new key is what a print out of sight may need


def test_removing_forgets_the_server_and_keeps_the_history(shop, link):
    store(shop.adele, link)
    job = a_job(shop, link, JobState.DONE)
    describe(shop.adele, link, 2, camera_address="http://127.0.0.1/s.jpg", camera_is_on=True, bed_x=300)
    in_transaction(links.remove, actor=acting(shop.adele), link_id=link.id)
    gone = fresh(link)
    assert (gone.address, gone.key_sealed, gone.camera_address, gone.camera_is_on, gone.is_enabled) == (
        "",
        None,
        None,
        False,
        False,
    )
    assert (gone.bed_x, fresh(job).link_id, links.every()) == (300, link.id, [])
    assert refused(lambda: in_transaction(links.enable, actor=acting(shop.adele), link_id=link.id)) == ["printing.no_link"]
    back = connect(shop.adele, shop.printer, revision=gone.revision)
    assert (back.id, back.is_enabled) == (link.id, True)


def test_what_proves_the_connection_lets_the_house_try_again(shop, link):
    for prove in (
        lambda: store(shop.adele, link),
        lambda: in_transaction(links.note_probe, actor=acting(shop.adele), link_id=link.id, found=FOUND),
    ):
        with transaction():
            broken = db.session.get_one(PrinterLink, link.id)
            broken.circuit, broken.failures, broken.retry_at, broken.trouble = Circuit.AUTH, 7, clock.now(), "BadKey"
        prove()
        well = fresh(link)
        assert (well.circuit, well.failures, well.retry_at, well.trouble) == (Circuit.CLOSED, 0, None, None)


def test_everything_is_written_down(shop, link):
    actor = acting(shop.adele)
    store(shop.adele, link)
    in_transaction(links.note_probe, actor=actor, link_id=link.id, found=FOUND)
    in_transaction(links.note_failure, actor=actor, link_id=link.id, what="test", reason="printing.unreachable")
    for service in (links.disable, links.disable, links.enable, links.enable, links.remove, links.remove):
        in_transaction(service, actor=actor, link_id=link.id)
    assert verbs(link) == [
        "printer.address_set", "printer.key_stored", "printer.tested", "printer.attempt_failed", "printer.disabled",
        "printer.enabled", "printer.removed",
    ]  # fmt: skip
    said = json.dumps([entry.details for entry in db.session.scalars(select(AuditEntry))])
    assert SECRET not in said
    assert vault.seal(SECRET)[:10] not in said


# ── what operators see ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_doctor_and_the_list_say_how_each_printer_stands(app, shop, link):
    run = app.test_cli_runner().invoke
    assert [one.verdict for one in health.findings() if one.what == "printers"] == ["warning"]
    store(shop.adele, link)
    db.session.rollback()
    assert health.printers() == health.Finding("printers", "ok", "1 linked, in order")
    described = run(args=["printers", "list"]).output
    assert "printer: printer (en), octoprint at http://127.0.0.1:5000, OctoPrint 1.11.8 as etabli: in order" in described
    assert SECRET not in described
    for change, words in (
        ({"circuit": Circuit.OPEN}, "its server does not answer"),
        ({"circuit": Circuit.AUTH}, "its server refuses our key"),
        ({"circuit": Circuit.CLOSED, "missing": ["PRINT"]}, "lacks PRINT"),
        ({"missing": [], "too_strong": ["ADMIN"]}, "too much (ADMIN)"),
    ):
        with transaction():
            row = db.session.get_one(PrinterLink, link.id)
            for name, value in change.items():
                setattr(row, name, value)
        assert words in run(args=["printers", "list"]).output
    in_transaction(links.remove, actor=acting(shop.adele), link_id=link.id)
    assert "No printer is linked" in run(args=["printers", "list"]).output
    db.session.rollback()
    assert health.printers().words == "none linked"


# ── filaments ────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_material(by, code="PLA", price=2500, **more):
    with transaction():
        return materials.add(
            actor=acting(by),
            code=code,
            name={"fr": code},
            density_mg=more.pop("density_mg", None),
            cents_per_kilogram=price,
            **more,
        )


def test_filaments_have_believable_densities(shop):
    found = {
        code: add_material(shop.lea, code).density_mg for code in ("PLA", "PETG", "ABS", "ASA", "TPU", "PLA+", "PETG-CF", "WOOD")
    }
    assert found == {
        "PLA": 1240, "PETG": 1270, "ABS": 1040, "ASA": 1070, "TPU": 1210, "PLA+": 1240, "PETG-CF": 1270, "WOOD": 1240,
    }  # fmt: skip


@pytest.mark.both_engines
def test_a_code_is_given_once(app, shop):
    actor = acting(shop.lea)

    def act():
        materials.add(actor=actor, code="PLA", name={"fr": "PLA"}, density_mg=None, cents_per_kilogram=None)

    assert both(app, act, act) == ["done", "printing.material_taken"]


def test_a_price_is_set_changed_and_ended_with_the_filament(shop):
    pla = add_material(shop.lea)

    def change(price):
        with transaction():
            materials.change(
                actor=acting(shop.lea), material_id=pla.id, code="PLA", name={"fr": "PLA"}, density_mg=1240,
                cents_per_kilogram=price, is_offered=True,
            )  # fmt: skip
        db.session.rollback()
        return dict(materials.prices())

    assert dict(materials.prices()) == {pla.item: 2500}
    assert change(3000) == {pla.item: 3000}
    assert change(None) == {}


def test_only_managers_keep_filaments(shop):
    for member in (shop.chloe, shop.alba, shop.ada):
        with pytest.raises(NotAllowed):
            add_material(member)
