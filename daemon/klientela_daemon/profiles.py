"""One customer for people: contact data, sources, addresses, figures, orders with carts between them, relations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from klientela.model.words import agree
from klientela_daemon import lists, render


def show(found: Mapping[str, Any], zone: ZoneInfo, orders: int) -> None:
    """Print a profile; of the orders the newest `orders` (K8)."""
    render.say(f"{found['name']} ({found['status']}{', inactive' if found['inactive'] else ''})")
    then = found.get("as_of")
    render.say(
        f"{found['id']}, customer number {found['customer_number']}"
        + (f", as of change {then['seq']}, {then['at']}" if then else "")
    )
    _contact(found, zone)
    _figures(found)
    _purchases(found, zone, orders)
    _around(found, zone)


def _contact(found: Mapping[str, Any], zone: ZoneInfo) -> None:
    rows = [[*_value("e-mail", one)] for one in found["emails"]]
    rows += [[*_value("phone", one)] for one in found["phones"]]
    rows += [["company", found["company"], ""]] if found["company"] else []
    rows += [["address", _address(one), one["kind"] or ""] for one in found["addresses"]]
    rows += [["joined", lists.day(found["joined"], zone), ""]] if found["joined"] else []
    rows += [["tags", ", ".join(found["tags"]), ""]] if found["tags"] else []
    for one in found["records"]:
        gone = "gone at source" if one["gone"] else ""
        rows.append(["record", f"{one['source']}/{one['entity']}/{one['external_id']}", gone])
    render.table(["", "", ""], rows, headless=True)


def _value(what: str, one: Mapping[str, Any]) -> tuple[str, str, str]:
    return what, one["value"], "former" if one["former"] else ""


def _address(one: Mapping[str, Any]) -> str:
    street = " ".join(part for part in (one["street"], one["house_number"]) if part)
    town = " ".join(part for part in (one["zip"], one["city"]) if part)
    parts = (one["company"], street, one["line2"], town, one["country"])
    return ", ".join(part for part in parts if part)


def _figures(found: Mapping[str, Any]) -> None:
    gross = found["totals"]["gross"]
    if gross["sum"] is None:
        return  # none of the sources knows of orders (R33)
    average = lists.money(gross["average"]) if gross["average"] else "–"
    ltv = lists.money(found["totals"]["ltv"], found.get("ltv_approx"))
    render.say(f"\nLTV {ltv} in {agree(found['orders'], '{} [order|orders]')}; all orders: "
               f"{lists.money(gross['sum'], gross.get('sum_approx'))} in {gross['count']}, {average} on average")  # fmt: skip
    _habits(found)
    about = found.get("ltv_approx") or gross.get("sum_approx")
    if about:
        render.say(f"≈: by the rates of {about['rates']}")


def _habits(found: Mapping[str, Any]) -> None:
    """How often somebody buys, and of what most."""
    told = found["statistics"]
    said = []
    if told["every_days"] is not None:
        said.append(f"an order every {told['every_days']} days")
    if told["days_since"] is not None:
        said.append(f"the last one {agree(told['days_since'], '{} [day|days]')} ago")
    if said:
        render.say(", ".join(said))
    top = [f"{one['quantity']} x {one['title'] or one['sku']}" for one in found["top_products"]["by_quantity"]]
    if top:
        render.say(f"most bought: {', '.join(top)}")


def _purchases(found: Mapping[str, Any], zone: ZoneInfo, most: int) -> None:
    bought = found["order_list"] or []  # null where no source can know
    orders = bought[:most]
    carts = [cart for cart in found["checkouts"] or () if cart["badge"] == "abandoned" or cart["order"] is None]
    rows = [_order(one, zone) for one in orders] + [_cart(one, zone) for one in carts]
    if not rows:
        return
    rows.sort(key=lambda row: row[0], reverse=True)
    render.table(["date", "number", "amount", "source", ""], rows, right=["amount"])
    left = len(bought) - len(orders)
    if left > 0:
        render.say(agree(left, "and {} older [order|orders]"))


def _order(one: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    notes = [] if one["state"] == "paid" else [one["state"]]
    if one["test"]:
        notes.append("test")
    if one["why_not"] and one["why_not"] not in notes:
        notes.append(f"not counted: {one['why_not']}")
    if one["badge"]:
        notes.append(one["badge"])
    day = lists.day(one["placed_at"], zone)
    return [day, one["number"] or one["id"], f"{one['total']} {one['currency']}", one["source"], ", ".join(notes)]


def _cart(one: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    """A cart counts nowhere; it stands between the orders by its date (R32)."""
    goods = ", ".join(str(line["title"]) for line in one["lines"] if line["title"])
    return [lists.day(one["at"], zone), "cart", f"{one['value']} {one['currency']}", "", f"{one['badge']}: {goods}"]


_OPERATORS = {"operator": "by hand", "bulk": "in bulk, by hand"}


def _who_says(one: Mapping[str, Any]) -> str:
    """Whose word a consent is, and what stands behind it."""
    said = [_OPERATORS.get(one["basis"], one["source"])]
    said += [f"import {one['import']['batch']}"] if one["import"] else []
    said += [one["evidence"]] if one["basis"] in _OPERATORS else []
    return ", ".join(said)


def _around(found: Mapping[str, Any], zone: ZoneInfo) -> None:
    for one in found["consent_events"]:
        when = f" on {lists.day(one['at'], zone)}" if one["at"] else ""
        render.say(f"consent: {one['channel']} {one['purpose']} {one['state']}{when} ({_who_says(one)})")
    letter = found["last_letter"]
    if letter and letter["days"] is not None:
        render.say(f"last letter {agree(letter['days'], '{} [day|days]')} ago")
    if found["remark"]:
        render.say(f"remark: {found['remark']['text']}")
    for one in found["notes"]:
        files = "".join(f" [{file['name'] or file['sha256'][:8]}]" for file in one.get("files", ()))
        render.say(f"note ({one['source'] or one['by']}): {one['text']}{files}")
    for field, one in found["provenance"].items():
        if one["pinned"]:
            under = one["beneath"]["value"] if one.get("beneath") else "nothing"
            render.say(f"pinned: {field.replace('_', ' ')}, over {under}")
    for one in found["shares"]:
        render.say(f"shares {one['rule']} with {one['with']}")
