"""The words on our side of the mapping: every field a column of a file can be.

The names are those of `[sources.X.columns]` (contract.md). Which header means which field: layouts.py.
"""

from __future__ import annotations

ADDRESS = (
    "street",  # with or without the house number; the core splits it
    "house_number",
    "line2",
    "zip",
    "city",
    "region",
    "country",
)

# An address of its own may name another person than the row: the recipient.
NAMED_ADDRESS = (*ADDRESS, "first_name", "last_name", "name", "company", "phone")

# Prefix of further addresses -> the kind they are of. Wix numbers its ten.
FURTHER_ADDRESSES = {"billing_": "billing", "shipping_": "shipping", **{f"address{n}_": None for n in range(2, 11)}}

FURTHER_EMAILS = tuple(f"email{n}" for n in range(2, 11))
FURTHER_PHONES = tuple(f"phone{n}" for n in range(2, 11))

# Taken over as they are written.
TEXTS = ("first_name", "last_name", "company", "email", "phone", "crm_id", "birthday", "locale", "note")

CONSENTS = {
    "consent_email": "email",
    "consent_sms": "sms",
    "consent_phone": "phone",
    "consent_post": "post",
    "consent_whatsapp": "whatsapp",
}

PERSON = (
    "external_id",
    *TEXTS,
    "name",  # first and last name in one cell
    *FURTHER_EMAILS,
    *FURTHER_PHONES,
    *ADDRESS,
    "kind",
    "updated_at",
    "number",
    "created_at",
    "tags",
    *CONSENTS,
    "consent_at",  # when the e-mail consent was given
    "unsubscribed_at",  # when it was withdrawn
)

LINES = ("line_title", "line_sku", "line_quantity", "line_price", "line_total")

ORDER_KEYS = ("order_id", "order_number")

ORDER_ONLY = ("placed_at", "total", "currency", "status", "test", "refunded", "cancelled_at", *LINES)

# Columns of our own making: the public id of an export (R51) and the reason in a file of bad rows.
OUR_ID = "klientela_id"
OUR_ERROR = "klientela_error"

# What an export of ours may have beside its klientela_id, by view; it comes back for edits (R51).
EXPORTED = frozenset((
    "first_name", "last_name", "email", "phone", "company", "city", "country", "status", "test_order", "sources", "orders", "ltv",
    "ltv_approx", "gross", "gross_approx", "last_order", "joined", "crm_id", "customer_number", "modules", "tags", "promotion",
    "system", "qr_scanned", "inactive",
))  # fmt: skip

FIELDS = frozenset(
    (
        *PERSON,
        *ORDER_KEYS,
        *ORDER_ONLY,
        *(prefix + part for prefix in FURTHER_ADDRESSES for part in NAMED_ADDRESS),
    )
)

# With none of these a file says nothing about anybody.
SOMEBODY = (
    "external_id",
    *ORDER_KEYS,
    "number",
    "crm_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "name",
    "company",
    *(prefix + part for prefix in FURTHER_ADDRESSES for part in ("name", "last_name", "company")),
)
