"""The shape of what administrators type about a printer's link, and managers about filaments. Permission is in the services."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as __
from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from app.kernel.web import HouseForm
from billing.forms import AmountField
from machines.forms import PLAIN, both
from machines.printing.models import Material, PrinterLink
from machines.printing.rules import Approval, Counting, EndPolicy

PRINTABLE = Regexp(r"^[\x21-\x7e]*$", message=__("Only plain letters, digits and signs, without spaces."))

APPROVAL_WORDS = [
    (Approval.NEVER, __("Nobody: the checks of the file are enough")),
    (Approval.FIRST, __("The team, until the member has finished one print here")),
    (Approval.ALWAYS, __("The team, every print")),
]
END_WORDS = [
    (EndPolicy.FINISH, __("It may finish, within the grace time")),
    (EndPolicy.ASK_NEXT, __("The next person decides, once checked in")),
    (EndPolicy.STAFF, __("The team decides")),
    (EndPolicy.CANCEL, __("It is stopped (half a print and a hot nozzle help nobody)")),
]
COUNTING_WORDS = [
    (Counting.RESERVED, __("The reserved time")),
    (Counting.MACHINE, __("The time the printer itself counts, without pauses")),
    (Counting.OCCUPIED, __("From start to end by the clock, pauses included")),
]


def _number(text: str | None) -> str:
    """A counter that a page carries; anything else counts as none."""
    return text if text and text.isascii() and text.isdigit() and len(text) < 10 else "0"


class AddressForm(HouseForm):
    revision = HiddenField(default="0", filters=[_number])
    kind = RadioField(__("What answers there"))
    address = StringField(
        __("Address of the printer’s server"),
        description=__("For example http://192.168.1.50 or http://octopi.lan:5000/"),
        validators=[DataRequired(__("Give the address.")), Length(max=300), PRINTABLE],
        filters=[lambda text: text.strip() if text else text],
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )


class CertificateForm(HouseForm):
    """What is in it is judged by `certificates`. A text with a private key in it is never sent back."""

    revision = HiddenField(default="0", filters=[_number])
    certificate = TextAreaField(
        __("The certificate, or the one of the authority that signed it"),
        description=__("Empty: the authorities that the platform’s own server knows, as for a public web site."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )


class RequestForm(HouseForm):
    user = StringField(
        __("Name of the user in OctoPrint"),
        description=__("A user of its own for this house, not yours: see below how to make it."),
        validators=[DataRequired(__("Give the name of the user.")), Length(max=80), PLAIN],
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )


class KeyForm(HouseForm):
    key = PasswordField(
        __("Application key"),
        description=__(
            "From OctoPrint: Settings, Application Keys, “Manually generate”. It is kept sealed and never shown again."
        ),
        validators=[
            DataRequired(__("Paste the key.")),
            Length(min=8, max=200, message=__("A key has 8 to 200 characters.")),
            PRINTABLE,
        ],
        filters=[lambda text: text.strip() if text else text],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    app = StringField(
        __("Application identifier it was made for (optional)"),
        description=__("With it, renewing the key also revokes this one."),
        validators=[Length(max=80), PLAIN],
        filters=[lambda text: text.strip() if text else text],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )


def _whole(label: Any, least: int, most: int, hint: Any = "") -> IntegerField:
    return IntegerField(
        label,
        description=hint,
        validators=[InputRequired(__("Give a whole number.")), NumberRange(least, most)],
        render_kw={"inputmode": "numeric"},
    )


class PrinterForm(HouseForm):
    """What a printer can bear and what may happen on it."""

    revision = HiddenField(default="0", filters=[_number])
    bed_x = _whole(__("Width, mm"), 1, 5000)
    bed_y = _whole(__("Depth, mm"), 1, 5000)
    bed_z = _whole(__("Height, mm"), 1, 5000)
    nozzle_most = _whole(__("Hottest nozzle, °C"), 0, 600)
    bed_most = _whole(__("Hottest bed, °C"), 0, 300)
    nozzle_hundredths = _whole(__("Nozzle, hundredths of mm"), 5, 500, __("40 is a 0.4 mm nozzle."))
    tools = _whole(__("Tools (extruders)"), 1, 16)
    refused_commands = TextAreaField(
        __("Commands refused in files, one a line"),
        description=__("Empty: the house’s own list (stopping, resetting, writing settings, printing from the card…)."),
        validators=[Length(max=1000), PLAIN],
        render_kw={"spellcheck": "false"},
    )
    materials = SelectMultipleField(__("Filaments it takes (none ticked: all of them)"), coerce=int)
    approval = RadioField(__("Who looks at a print before it starts?"), choices=APPROVAL_WORDS, coerce=Approval)
    end_policy = RadioField(__("A print is not finished at the end of its slot"), choices=END_WORDS, coerce=EndPolicy)
    overrun_grace_minutes = _whole(__("Grace time, minutes"), 0, 24 * 60)
    counting = RadioField(__("Which minutes are paid"), choices=COUNTING_WORDS, coerce=Counting)
    heat_up_minutes = _whole(__("Heating up before a print, minutes"), 0, 120)
    may_connect = BooleanField(
        __("The house may connect the printer to its server"),
        description=__("Ten minutes before a slot, once, when it is found disconnected. Its user then needs CONNECTION."),
    )
    stops_foreign_in_blocks = BooleanField(
        __("Stop prints started beside the platform during maintenance"),
        description=__("Only then. At other times they are noticed, never stopped."),
    )
    camera_is_on = BooleanField(
        __("Show the camera"),
        description=__("To who prints there and to the team. Put a sign: people may pass in front of it."),
    )
    camera_address = StringField(
        __("Address of a still picture"),
        description=__("For example http://192.168.1.50/webcam/?action=snapshot"),
        validators=[Length(max=300), PRINTABLE],
        filters=[lambda text: text.strip() if text else text],
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )

    def validate_refused_commands(self, field: Any) -> None:
        for line in (field.data or "").split():
            if not re.fullmatch(r"[GMT]\d{1,4}(\.\d{1,2})?|@[A-Za-z]{1,40}", line, re.IGNORECASE):
                raise ValidationError(
                    _("A command is a letter and a number, such as M112, or @ and a word: look at “%(line)s”.", line=line)
                )

    def validate_camera_address(self, field: Any) -> None:
        if self.camera_is_on.data and not field.data:
            raise ValidationError(_("Give the address of the picture, or switch the camera off."))

    @property
    def described(self) -> dict[str, Any]:
        """The fields as `links.describe` takes them."""
        commands = [line if line.startswith("@") else line.upper() for line in (self.refused_commands.data or "").split()]
        return {
            **{name: self[name].data for name in SAME_NAME},
            "refused_commands": list(dict.fromkeys(commands)) or None,
            "camera_address": self.camera_address.data or None,
        }

    @classmethod
    def describing(cls, link: PrinterLink, material_ids: list[int]) -> PrinterForm:
        return cls(
            formdata=None,
            **{name: getattr(link, name) for name in SAME_NAME},
            revision=str(link.revision),
            refused_commands="\n".join(link.refused_commands or ()),
            camera_address=link.camera_address or "",
            materials=material_ids,
        )


SAME_NAME = (
    "bed_x", "bed_y", "bed_z", "nozzle_most", "bed_most", "nozzle_hundredths", "tools", "approval", "end_policy",
    "overrun_grace_minutes", "counting", "heat_up_minutes", "may_connect", "stops_foreign_in_blocks", "camera_is_on",
)  # fmt: skip


class MaterialForm(HouseForm):
    code = StringField(
        __("Code"),
        description=__("As slicers write it: PLA, PETG, ABS…"),
        validators=[
            DataRequired(__("Give the code.")),
            Length(max=20),
            Regexp(r"^[A-Za-z0-9][A-Za-z0-9+-]*$", message=__("Only letters, digits, + and hyphens.")),
        ],
        filters=[lambda text: text.strip().upper() if text else text],
    )
    name_fr = StringField(__("Name in French"), validators=[DataRequired(__("Give the filament a name.")), Length(max=80), PLAIN])
    name_en = StringField(__("Name in English"), validators=[Length(max=80), PLAIN])
    density_mg = IntegerField(
        __("Density, mg/cm³"),
        description=__("PLA 1240, PETG 1270, ABS 1040, ASA 1070, TPU 1210; left empty, the usual one of the code."),
        validators=[Optional(), NumberRange(100, 25_000)],
        render_kw={"inputmode": "numeric"},
    )
    price = AmountField(__("Price of a kilogram, € (empty: free)"), validators=[Optional()])
    is_offered = BooleanField(__("Offered to members"), default=True)

    @property
    def name(self) -> dict[str, str]:
        return both(self.name_fr.data, self.name_en.data)

    @classmethod
    def describing(cls, material: Material, cents: int | None) -> MaterialForm:
        return cls(
            formdata=None,
            code=material.code,
            name_fr=material.name.get("fr", ""),
            name_en=material.name.get("en", ""),
            density_mg=material.density_mg,
            price=cents,
            is_offered=material.is_offered,
        )
