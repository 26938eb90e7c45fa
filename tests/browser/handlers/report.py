"""A handler with one field of each kind."""

import json

from marshmallow import Schema, fields, validate

from enschedule_core import handler


class Address(Schema):
    street = fields.String(required=True)
    zip_code = fields.String(validate=validate.Regexp(r"^\d{5}$", error="Write five digits, for example 12345."))


class Report(Schema):
    title = fields.String(required=True, metadata={"description": "Stands over the report"})
    format = fields.String(
        required=True, validate=validate.OneOf(["pdf", "html", "csv"]), metadata={"description": "What to write"}
    )
    copies = fields.Integer(load_default=1, validate=validate.Range(1, 9))
    scale = fields.Float(load_default=1.0)
    draft = fields.Boolean(load_default=False)
    to = fields.Nested(Address, required=True)
    rows = fields.List(fields.Dict(), load_default=list, metadata={"description": "Any JSON objects"})


EXAMPLE = {"title": "Sales", "format": "pdf", "copies": 1, "to": {"street": "Long Lane 1", "zip_code": "12345"}}


@handler(
    id="report",
    version=2,
    title="Write a report",
    description="Prints what it was given",
    data_schema=Report,
    example=EXAMPLE,
)
def report(data):
    print(json.dumps(data, sort_keys=True))
