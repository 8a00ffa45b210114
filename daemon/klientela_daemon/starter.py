"""The configuration that `klientela init` writes."""

from __future__ import annotations

STARTER = """\
# klientela: one customer list from many shops.
# `klientela check` validates this file and tries the credentials. Secrets may also come from the environment
# (KLIENTELA__SOURCES__MAIN__ACCESS_TOKEN=…, or …_FILE=/path), or from files in $KLIENTELA_SECRETS_DIR.

[store]
url = "sqlite:///klientela.db"        # or postgresql+psycopg://user:password@host/database

[shop]
timezone = "Europe/Berlin"            # calendar dates and "last 7 days"
currency = "EUR"

# One table per connected source; its name is shown as the badge of its customers and is kept for ever.

# [sources.main]
# type = "shopify"
# shop = "my-shop"                    # my-shop.myshopify.com
# access_token = "…"                  # or client_id and client_secret
# every = "5m"                        # or cron = "0 3 * * *" (UTC unless timezone = …)
# guests = "merge"                    # per_order | per_source | merge
# priority = 10                       # lower wins where sources disagree

# [sources.list]
# type = "csv"
# path = "customers.csv"              # a file or a pattern like exports/*.csv
# headers = "lenient"                 # strict | lenient
# every = "1h"                        # an unchanged file costs one look

# Which rules may join records. A change here waits for `klientela rules apply`.
[identity]
rules = ["email", "number", "phone", "address"]
same_source = "review"                # two accounts of one shop: review | merge
retroactive_link = "never"            # never | verified_email | always

# How many different names may share a value before it stops joining different people.
# [identity.limits]
# email = 10
# phone = 10
# address = 50

# Views: default, autoletter, site123, cockpit, ecdp are there; change single keys or add your own.
# [views.cockpit]
# profile_orders = 3

[web]
host = "127.0.0.1"                    # health and metrics of `klientela run`
port = 8000

# Messages to customers, from their profiles or `klientela message`.
# [mail]
# host = "smtp.example.com"
# port = 587
# user = "…"
# password = "…"
# sender = "My shop <post@example.com>"
# security = "starttls"                 # starttls | tls (mostly port 465) | none

# The files belong beside the backups, not into the database.
[privacy]
key_file = "klientela.key"
# tombstones = "klientela.tombstones"   # whom nobody brings back
"""
