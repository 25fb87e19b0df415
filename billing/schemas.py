"""The JSON shapes of money. Amounts are whole cents, taxes included; instants carry their offset."""

from __future__ import annotations

import marshmallow as ma

from app.kernel.api import MAX_ID, Text
from billing.rules import Method, Status

MOST_CENTS = 10_000_000


class LabelSchema(ma.Schema):
    """A text in the lab's languages; either may be missing."""

    fr = ma.fields.String()
    en = ma.fields.String()


class ChargeLineSchema(ma.Schema):
    label = ma.fields.Nested(LabelSchema, required=True)
    item = ma.fields.String(required=True, allow_none=True, metadata={"example": "machine:7"})
    starts_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    ends_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    minutes = ma.fields.Integer(required=True)
    billed_minutes = ma.fields.Integer(required=True, metadata={"description": "At least the minimum, in whole steps"})
    cents_per_hour = ma.fields.Integer(required=True)
    minimum_minutes = ma.fields.Integer(required=True)
    step_minutes = ma.fields.Integer(required=True)
    milligrams = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "For what is sold by weight; it has no minutes"}
    )
    cents_per_kilogram = ma.fields.Integer(required=True, allow_none=True)
    amount_cents = ma.fields.Integer(required=True)


class ChargeSchema(ma.Schema):
    id = ma.fields.Integer(required=True)
    subject = ma.fields.String(required=True, metadata={"example": "reservation:42"})
    status = ma.fields.Enum(Status, by_value=True, required=True)
    opened_at = ma.fields.AwareDateTime(required=True)
    settled_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    amount_cents = ma.fields.Integer(required=True, metadata={"description": "As charged"})
    total_cents = ma.fields.Integer(required=True, metadata={"description": "Adjustments taken off"})
    paid_cents = ma.fields.Integer(required=True)
    due_cents = ma.fields.Integer(required=True)
    lines = ma.fields.List(ma.fields.Nested(ChargeLineSchema), required=True)


class AccountSchema(ma.Schema):
    """What a member owes; below zero, the lab owes them."""

    member_id = ma.fields.Integer(required=True)
    name = ma.fields.String(required=True)
    owes_cents = ma.fields.Integer(required=True)
    charges = ma.fields.List(ma.fields.Nested(ChargeSchema), required=True)


class TermsSchema(ma.Schema):
    cents_per_hour = ma.fields.Integer(required=True)
    minimum_minutes = ma.fields.Integer(required=True)
    step_minutes = ma.fields.Integer(required=True)


class GroupsSchema(ma.Schema):
    """What each tariff group pays; null is free."""

    standard = ma.fields.Nested(TermsSchema, required=True, allow_none=True)
    solidarity = ma.fields.Nested(TermsSchema, required=True, allow_none=True)
    professional = ma.fields.Nested(TermsSchema, required=True, allow_none=True)


class PriceSchema(ma.Schema):
    item = ma.fields.String(required=True, metadata={"example": "machine:7"})
    name = ma.fields.Nested(LabelSchema, required=True)
    rates = ma.fields.Nested(GroupsSchema, required=True)


class PaymentSchema(ma.Schema):
    member_id = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=1, max=MAX_ID))
    cents = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=1, max=MOST_CENTS))
    method = ma.fields.Enum(Method, by_value=True, required=True)


class CoveredSchema(ma.Schema):
    """What the payment did for one charge."""

    charge_id = ma.fields.Integer(required=True)
    paid_before_cents = ma.fields.Integer(required=True)
    paid_cents = ma.fields.Integer(required=True)
    left_cents = ma.fields.Integer(required=True)


class ReceiptSchema(ma.Schema):
    """A receipt as it was given; `cancelled_at` says whether the payment was undone since."""

    number = ma.fields.String(required=True, metadata={"example": "RC-2026-000124"})
    payer_id = ma.fields.Integer(required=True)
    payer = ma.fields.String(required=True)
    taken_by = ma.fields.String(required=True)
    taken_at = ma.fields.AwareDateTime(required=True)
    method = ma.fields.Enum(Method, by_value=True, required=True)
    cents = ma.fields.Integer(required=True)
    owes_cents = ma.fields.Integer(required=True, metadata={"description": "What remained due after it"})
    covered = ma.fields.List(ma.fields.Nested(CoveredSchema), required=True)
    cancelled_at = ma.fields.AwareDateTime(required=True, allow_none=True)


class AskSchema(ma.Schema):
    note = Text(most=1000, required=True)


class AdjustmentSchema(ma.Schema):
    id = ma.fields.Integer(required=True)
    charge_id = ma.fields.Integer(required=True)
    asked_at = ma.fields.AwareDateTime(required=True)
    note = ma.fields.String(required=True)
