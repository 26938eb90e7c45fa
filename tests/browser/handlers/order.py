"""A handler whose form has every kind of control: nested, in rows, of several shapes."""

import json

from marshmallow import Schema, fields, validate

from enschedule_core import handler


class Line(Schema):
    """One line of an order."""

    article = fields.String(required=True, validate=validate.Length(min=1))
    count = fields.Integer(load_default=1, validate=validate.Range(1, 99, error="Write a number from 1 to 99."))
    gift = fields.Boolean(load_default=False)


class Order(Schema):
    """What is ordered, by whom, and how it is paid."""

    customer = fields.Email(required=True, metadata={"description": "Who gets the invoice"})
    website = fields.Url(require_tld=False, metadata={"title": "Web site", "examples": ["https://shop.example.org"]})
    note = fields.String(load_default="", metadata={"x-multiline": True, "description": "Printed on the parcel"})
    password = fields.String(metadata={"format": "password"})
    due = fields.DateTime(metadata={"title": "Due at"})
    day = fields.Date()
    weight = fields.Float(allow_none=True, validate=validate.Range(min=0), metadata={"x-unit": "kg"})
    speed = fields.String(load_default="normal", validate=validate.OneOf(["slow", "normal", "fast"]))
    country = fields.String(validate=validate.OneOf(["AT", "CH", "DE", "DK", "FI", "NO", "SE"]))
    insured = fields.Boolean(load_default=False)
    signed = fields.Boolean(allow_none=True)
    codes = fields.List(fields.Integer(), load_default=list)
    lines = fields.List(fields.Nested(Line), load_default=list, metadata={"description": "At least one"})
    recipients = fields.List(fields.Email(), load_default=list)
    labels = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    bins = fields.Dict(keys=fields.String(), values=fields.Nested(Line), load_default=dict)
    payment = fields.Raw(
        metadata={
            "oneOf": [
                {
                    "title": "Card",
                    "type": "object",
                    "required": ["kind", "number"],
                    "properties": {"kind": {"const": "card"}, "number": {"type": "string"}},
                },
                {"title": "Invoice", "type": "string"},
            ]
        }
    )
    anything = fields.Raw()


@handler(id="order", title="Send an order", description="Prints what was ordered", data_schema=Order)
def order(data):
    """Print the order."""
    print(json.dumps(data, sort_keys=True, default=str))
