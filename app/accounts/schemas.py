"""Shapes of the accounts' JSON."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import validate

from app.accounts.models import TariffGroup
from app.kernel.api import SCOPES, Text
from app.kernel.i18n import LOCALES


class EmailAddress(Text):
    def __init__(self, **kwargs: object) -> None:
        super().__init__(most=200, least=3, **kwargs)
        self.validators.append(validate.Email())


class SignUpSchema(ma.Schema):
    name = Text(required=True, most=100)
    email = EmailAddress(required=True)
    password = Text(load_default=None, allow_none=True, most=200)
    locale = ma.fields.String(load_default="fr", validate=validate.OneOf(LOCALES))


class ProofSchema(ma.Schema):
    token = Text(required=True, most=100)


class NewTokenSchema(ma.Schema):
    email = EmailAddress(required=True)
    password = Text(required=True, most=200)
    name = Text(load_default="api", most=80)
    scopes = ma.fields.List(
        ma.fields.String(validate=validate.OneOf(list(SCOPES))), required=True, validate=validate.Length(1, 10)
    )


class TokenSchema(ma.Schema):
    token = ma.fields.String(required=True)


class MeSchema(ma.Schema):
    id = ma.fields.Integer(required=True, dump_only=True)
    name = ma.fields.String(required=True)
    email = ma.fields.String(required=True)
    locale = ma.fields.String(required=True)
    tariff_group = ma.fields.Enum(TariffGroup, by_value=True, required=True)
    roles = ma.fields.List(ma.fields.String(), required=True)
    email_proved = ma.fields.Boolean(required=True)
    charter_accepted = ma.fields.Boolean(required=True)
    suspended = ma.fields.String(required=True, allow_none=True)


class ProfileChange(ma.Schema):
    name = Text(most=100)
    locale = ma.fields.String(validate=validate.OneOf(LOCALES))
    tariff_group = ma.fields.Enum(TariffGroup, by_value=True)
    photo_consent = ma.fields.Boolean()


class CharterSchema(ma.Schema):
    version = ma.fields.Integer(required=True)
    title = ma.fields.Dict(required=True)
    intro = ma.fields.Dict(required=True)
    points = ma.fields.List(ma.fields.Dict(), required=True)


class AcceptanceSchema(ma.Schema):
    version = ma.fields.Integer(required=True, validate=validate.Range(1, 100_000))
    photo_consent = ma.fields.Boolean(load_default=False)
    guardian_name = Text(load_default=None, allow_none=True, most=100)
    guardian_email = EmailAddress(load_default=None, allow_none=True)


class MemberSchema(ma.Schema):
    id = ma.fields.Integer(required=True)
    name = ma.fields.String(required=True)
    email = ma.fields.String(required=True)
    roles = ma.fields.List(ma.fields.String(), required=True)


class SearchQuery(ma.Schema):
    search = Text(load_default="", least=0, most=100)
    page = ma.fields.Integer(load_default=1, validate=validate.Range(1, 10_000))
