"""What every page is made of: fields tied to their errors, one voice for refusals, nothing the security policy forbids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from wtforms import BooleanField, RadioField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, InputRequired

from app.kernel.refusals import Reason, Refused
from app.kernel.web import HouseForm, shown
from tests.builders import a_lab

ROOT = Path(__file__).parents[2]
TEMPLATES = [path for room in ("app", "billing", "machines", "trainings") for path in (ROOT / room).rglob("templates/**/*.html")]
STATIC = ROOT / "app" / "static"


class Asked(HouseForm):
    name = StringField("Name", validators=[DataRequired("Tell us your name.")], description="As on the door.")
    choice = RadioField("Choice", choices=[("a", "A"), ("b", "B")], validators=[InputRequired("Choose one.")])
    several = SelectMultipleField("Several", choices=[("1", "One"), ("2", "Two")])
    agreed = BooleanField("I agree")


@pytest.fixture
def asked(app: Flask) -> Iterator[Asked]:
    """A form sent back empty, but for the second of several."""
    app.config["WTF_CSRF_ENABLED"] = False
    with app.test_request_context("/", method="POST", data={"several": "2"}):
        form = Asked()
        form.validate()
        yield form
    app.config["WTF_CSRF_ENABLED"] = True


def shown_as(app: Flask, call: str, **context: Any) -> str:
    source = (
        f'{{% from "components/ui.html" import field, form_errors, reasons, button, post_button with context %}}{{{{ {call} }}}}'
    )
    template = app.jinja_env.from_string(source)
    app.update_template_context(context)
    return template.render(context)


def test_an_error_and_a_hint_are_tied_to_their_field(app: Flask, asked: Asked) -> None:
    html = shown_as(app, 'field(form.name, autocomplete="name")', form=asked)
    [control] = re.findall(r"<input[^>]*>", html)
    assert 'aria-invalid="true"' in control
    assert 'autocomplete="name"' in control
    [told] = re.findall(r'aria-describedby="([^"]*)"', control)
    assert told.split() == ["name-hint", "name-error"]
    assert all(f'id="{ident}"' in html for ident in told.split())
    assert '<label for="name">Name</label>' in html


def test_a_choice_is_a_group_with_a_name_and_its_error(app: Flask, asked: Asked) -> None:
    html = shown_as(app, "field(form.choice)", form=asked)
    assert re.search(r'<fieldset[^>]*id="choice"[^>]*aria-describedby="choice-error"', html)
    assert "<legend>Choice</legend>" in html
    assert html.count('type="radio"') == 2
    assert 'id="choice-error"' in html


def test_several_choices_are_boxes_and_keep_what_was_ticked(app: Flask, asked: Asked) -> None:
    html = shown_as(app, "field(form.several)", form=asked)
    boxes = re.findall(r'<input type="checkbox"[^>]*>', html)
    assert [("checked" in box) for box in boxes] == [False, True]


def test_the_summary_links_to_every_wrong_field_and_takes_the_focus(app: Flask, asked: Asked) -> None:
    html = shown_as(app, "form_errors(form)", form=asked)
    assert re.findall(r'<a href="#([^"]*)"', html) == ["name", "choice"]
    assert 'tabindex="-1"' in html
    assert "data-focus" in html


def test_a_form_without_errors_has_no_summary(app: Flask) -> None:
    with app.test_request_context("/"):
        assert shown_as(app, "form_errors(form)", form=Asked()).strip() == ""


def test_what_people_type_is_never_markup(app: Flask) -> None:
    with app.test_request_context("/", method="POST", data={"name": '"><script>alert(1)</script>'}):
        html = shown_as(app, "field(form.name)", form=Asked())
    assert "<script" not in html


def test_a_refusal_shows_its_reason_and_its_next_step(app: Flask) -> None:
    reason = Reason("house.no", "Not %(what)s.", "Look at the machines", next_endpoint="machines.catalogue", icon="lock")
    with app.test_request_context("/"):
        html = shown_as(app, "reasons(found)", found=shown(Refused([reason(what="this one")]).refusals))
    assert "Not this one." in html
    assert '<a href="/machines">Look at the machines</a>' in html
    assert 'href="#lock"' in html


def test_a_button_that_acts_is_a_form_that_acts_once(app: Flask) -> None:
    with app.test_request_context("/"):
        html = shown_as(app, 'post_button("Extend", "/there", minutes=15)')
    assert 'method="post" action="/there"' in html
    assert 'name="csrf_token"' in html
    assert 'name="minutes" value="15"' in html
    [key] = re.findall(r'name="key" value="([^"]+)"', html)
    assert len(key) >= 12


def test_no_page_carries_what_the_policy_forbids() -> None:
    forbidden = re.compile(r"""\sstyle=|\son[a-z]+=["']|<script(?![^>]*(\bsrc=|\bnonce=))|<style""")
    assert [path.name for path in TEMPLATES if "mail" not in path.parts and forbidden.search(path.read_text("utf-8"))] == []


def test_every_icon_asked_for_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', (STATIC / "icons.svg").read_text("utf-8")))
    rooms = [path for room in ("app", "billing", "machines", "trainings") for path in (ROOT / room).rglob("*.py")]
    asked_for = {
        name
        for path in [*TEMPLATES, *rooms]
        for name in re.findall(r"""\bicon(?:\(|=|":\s*)"([a-z]+)\"""", path.read_text("utf-8"))
    }
    assert len(asked_for) > 20
    assert asked_for - drawn == set()


def test_every_class_a_page_wears_is_in_the_stylesheet() -> None:
    known = set(re.findall(r"\.([a-z][a-z0-9-]*)", (STATIC / "house.css").read_text("utf-8")))
    worn = {
        name
        for path in TEMPLATES
        if "mail" not in path.parts
        for value in re.findall(r'class="([^"{]*)"', path.read_text("utf-8"))
        for name in value.split()
    }
    assert worn - known == set()


def test_a_page_says_its_language_and_leads_to_its_content(client: FlaskClient) -> None:
    a_lab()
    page = client.get("/", headers={"Accept-Language": "en"}).text
    assert '<html lang="en"' in page
    assert 'href="#content"' in page
    assert page.count('id="content"') == 1
    assert "<title>Home · La Forge du Canal</title>" in page


def test_the_theme_chosen_is_kept_and_automatic_forgets_it(client: FlaskClient, app: Flask) -> None:
    a_lab()
    app.config["WTF_CSRF_ENABLED"] = False
    client.post("/theme", data={"theme": "dark", "next": "/machines"})
    assert 'data-theme="dark"' in client.get("/machines").text
    client.post("/theme", data={"theme": ""})
    assert "data-theme" not in client.get("/machines").text
    app.config["WTF_CSRF_ENABLED"] = True


def test_a_fragment_is_the_block_of_the_page_and_nothing_around_it(client: FlaskClient) -> None:
    a_lab()
    fragment = client.get("/timetable", headers={"HX-Request": "true"}).text
    assert fragment.lstrip().startswith('<div class="timetable')
    assert "<html" not in fragment


def test_the_navigation_marks_the_section_one_is_in(client: FlaskClient) -> None:
    a_lab()
    assert '<a href="/competences" aria-current="page">' in client.get("/competences").text
    below = client.get("/competences/nothing").text
    assert '<a href="/competences" aria-current="true">' in below
    assert 'aria-current="page"' not in below
