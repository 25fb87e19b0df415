"""The JSON shapes of trainings. They know shape; permission is in `rules`."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from app.kernel.api import MAX_ID, Text
from trainings.rules import Capacity, Evidence, Level


class Said(ma.Schema):
    """A text in the lab's languages; either may be missing."""

    fr = ma.fields.String()
    en = ma.fields.String()


class OpeningSchema(ma.Schema):
    name = ma.fields.String(required=True)
    url = ma.fields.String(required=True)


class CompetenceSchema(ma.Schema):
    slug = ma.fields.String(required=True)
    name = ma.fields.Nested(Said, required=True)
    description = ma.fields.Nested(Said, required=True)
    path = ma.fields.Nested(Said, required=True, metadata={"description": "How to get it, in words"})
    valid_months = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "null: without an end"})
    prerequisites = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "Slugs"})
    opens = ma.fields.List(ma.fields.Nested(OpeningSchema), required=True)


class BadgeSchema(ma.Schema):
    """Where you stand with one competence. Only `held` and `soon` count; `soon` ends within 30 days."""

    competence = ma.fields.String(required=True, metadata={"description": "Slug"})
    certification_id = ma.fields.Integer(required=True)
    level = ma.fields.Enum(Level, by_value=True, required=True)
    valid_from = ma.fields.Date(required=True)
    valid_until = ma.fields.Date(required=True, allow_none=True, metadata={"description": "Last valid day"})
    state = ma.fields.String(required=True, validate=ma.validate.OneOf(["held", "soon", "suspended", "expired", "revoked"]))
    reason = ma.fields.String(required=True, allow_none=True)


class MyCompetencesSchema(ma.Schema):
    competences = ma.fields.List(ma.fields.Nested(BadgeSchema), required=True)
    interests = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "Slugs you wait for"})


class CertifySchema(ma.Schema):
    """Whom to certify, by `member_id` or by `email`."""

    member_id = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=1, max=MAX_ID))
    email = Text(most=254, metadata={"example": "ben@lab.example"})
    level = ma.fields.Enum(Level, by_value=True, load_default=Level.AUTONOMOUS)
    valid_until = ma.fields.Date(
        load_default=None, allow_none=True, metadata={"description": "Last valid day; by default what the competence says"}
    )
    evidence = ma.fields.Enum(Evidence, by_value=True, load_default=Evidence.PRACTICAL)
    note = Text(most=2000, least=0, load_default=None, allow_none=True)

    @ma.validates_schema
    def one_person(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if ("member_id" in data) == ("email" in data):
            raise ma.ValidationError("Give member_id or email, one of them.", "member_id")


class ReasonInputSchema(ma.Schema):
    reason = Text(most=1000, required=True)


class NoteInputSchema(ma.Schema):
    note = Text(most=1000, least=0, load_default=None, allow_none=True)


class HistoryEntrySchema(ma.Schema):
    verb = ma.fields.String(required=True, validate=ma.validate.OneOf(["granted", "suspended", "lifted", "revoked"]))
    at = ma.fields.AwareDateTime(required=True)
    by_id = ma.fields.Integer(required=True)
    words = ma.fields.String(required=True, allow_none=True)


class CertificationSchema(ma.Schema):
    id = ma.fields.Integer(required=True)
    member_id = ma.fields.Integer(required=True)
    competence = ma.fields.String(required=True, metadata={"description": "Slug"})
    level = ma.fields.Enum(Level, by_value=True, required=True)
    valid_from = ma.fields.Date(required=True)
    valid_until = ma.fields.Date(required=True, allow_none=True)
    granted_at = ma.fields.AwareDateTime(required=True)
    granted_by_id = ma.fields.Integer(required=True)
    granted_as = ma.fields.Enum(Capacity, by_value=True, required=True)
    evidence = ma.fields.Enum(Evidence, by_value=True, required=True)
    note = ma.fields.String(required=True, allow_none=True)
    history = ma.fields.List(ma.fields.Nested(HistoryEntrySchema), required=True)


class InterestSchema(ma.Schema):
    competence = ma.fields.String(required=True, metadata={"description": "Slug"})
    declared_at = ma.fields.AwareDateTime(required=True)
