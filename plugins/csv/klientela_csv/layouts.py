"""Which header means which field: the exports we know by their header, and everybody's words for the usual columns.

Header rows are vendor facts (Shopify, Wix, Mailchimp exports); metafield and custom columns may stand anywhere
between them, so a layout is recognised by a few columns that no other file has.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from klientela_csv.fields import FIELDS, OUR_ERROR, OUR_ID


def fold(header: str) -> str:
    """The form headers are compared in: `E-Mail`, `e_mail` and `EMAIL` are one, and so are `Straße` and `STRASSE`."""
    plain = unicodedata.normalize("NFKD", header.casefold().replace("ł", "l"))
    return "".join(letter for letter in plain if letter.isalnum())


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of file.

    marks          sets of headers, any of which proves the layout
    columns        header -> field, both as fields.py and the vendor write them
    instead        the same, where a file lacks the header that the field is usually under; a street of these holds the
                   address's second line as well (Shopify)
    bare           fields whose values carry one leading apostrophe (Shopify)
    decimal        the decimal separator of its amounts, where the vendor fixes it
    zone           the zone of its times, where the vendor fixes it
    no_is_denied   whether a "no" in a consent column is an answer (R45: Shopify's also means "never asked")
    subscribed     a file whose name starts so lists people who agreed (Mailchimp: consent = which file it is)
    open_states    the vendor may add order states; an unknown one is open, not a mistake (Shopify)
    unused         columns we know and take nothing from; others that are not taken are unknown
    whole_address  the street column holds street, city, ZIP and country at once (Mailchimp)
    """

    name: str
    marks: tuple[frozenset[str], ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    bare: frozenset[str] = frozenset()
    decimal: str | None = None
    zone: str | None = None
    no_is_denied: bool = True
    subscribed: tuple[str, ...] = ()
    whole_address: bool = False
    open_states: bool = False
    unused: frozenset[str] = frozenset()


def _marks(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(fold(header) for header in one.split(",")) for one in sets)


def _unused(headers: str) -> frozenset[str]:
    return frozenset(fold(header) for header in headers.split(","))


def _columns(pairs: Mapping[str, str]) -> dict[str, str]:
    return {fold(header): name for header, name in pairs.items()}


_SHOPIFY_UNUSED = _unused("Total Spent,Total Orders,Tax Exempt,Province,Country")

_SHOPIFY_PERSON = {
    "Customer ID": "external_id",
    "First Name": "first_name",
    "Last Name": "last_name",
    "Email": "email",
    "Phone": "phone",
    "Accepts Email Marketing": "consent_email",
    "Accepts Marketing": "consent_email",
    "Accepts SMS Marketing": "consent_sms",
    "Accepts WhatsApp Marketing": "consent_whatsapp",
    "Note": "note",
    "Tags": "tags",
}

SHOPIFY_CUSTOMERS = Layout(
    name="Shopify customers",
    marks=_marks("Accepts Email Marketing,Default Address Address1", "Accepts SMS Marketing,Default Address Zip"),
    columns=_columns(
        {
            **_SHOPIFY_PERSON,
            "Default Address Company": "company",
            "Default Address Address1": "street",
            "Default Address Address2": "line2",
            "Default Address City": "city",
            "Default Address Province Code": "region",
            "Default Address Country Code": "country",
            "Default Address Zip": "zip",
            "Default Address Phone": "phone2",
        }
    ),
    bare=frozenset({"external_id", "zip", "phone", "phone2"}),
    decimal=".",
    no_is_denied=False,
    unused=_SHOPIFY_UNUSED,
)

SHOPIFY_CUSTOMERS_OLD = Layout(
    name="Shopify customers (old export)",
    marks=_marks("Accepts Email Marketing,Address1,Tax Exempt", "Accepts Marketing,Address1,Tax Exempt"),
    columns=_columns(
        {
            **_SHOPIFY_PERSON,
            "Company": "company",
            "Address1": "street",
            "Address2": "line2",
            "City": "city",
            "Province Code": "region",
            "Country Code": "country",
            "Zip": "zip",
        }
    ),
    bare=frozenset({"external_id", "zip", "phone"}),
    decimal=".",
    no_is_denied=False,
    unused=_SHOPIFY_UNUSED,
)

SHOPIFY_ORDERS = Layout(
    name="Shopify orders",
    marks=_marks("Name,Lineitem name,Financial Status"),
    columns=_columns(
        {
            "Id": "order_id",
            "Name": "order_number",
            "Email": "email",
            "Phone": "phone",
            "Financial Status": "status",
            "Cancelled at": "cancelled_at",
            "Created at": "placed_at",
            "Currency": "currency",
            "Total": "total",
            "Refunded Amount": "refunded",
            "Tags": "tags",
            "Lineitem name": "line_title",
            "Lineitem sku": "line_sku",
            "Lineitem quantity": "line_quantity",
            "Lineitem price": "line_price",
            **{
                f"{kind.capitalize()} {theirs}": f"{kind}_{ours}"
                for kind in ("billing", "shipping")
                for theirs, ours in {
                    "Name": "name",
                    "Address1": "street",
                    "Address2": "line2",
                    "Company": "company",
                    "City": "city",
                    "Zip": "zip",
                    "Province": "region",
                    "Country": "country",
                    "Phone": "phone",
                }.items()
            },
        }
    ),
    instead=_columns({"Billing Street": "billing_street", "Shipping Street": "shipping_street"}),
    bare=frozenset(
        {"order_id", "phone", "billing_zip", "shipping_zip", "billing_phone", "shipping_phone"},
    ),
    decimal=".",
    open_states=True,
    unused=_unused(
        "Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Subtotal,Shipping,Taxes,Discount Code,"
        "Discount Amount,Shipping Method,Lineitem compare at price,Lineitem requires shipping,Lineitem taxable,"
        "Lineitem fulfillment status,Billing Street,Shipping Street,Notes,Note Attributes,Payment Method,"
        "Payment Reference,Vendor,Outstanding Balance,Employee,Location,Device ID,Risk Level,Source,"
        "Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,"
        "Tax 4 Value,Tax 5 Name,Tax 5 Value,Receipt Number,Duties,Billing Province Name,Shipping Province Name,"
        "Payment ID,Payment Terms Name,Next Payment Due At,Payment References"
    ),
)

WIX_CONTACTS = Layout(
    name="Wix contacts",
    marks=_marks("Email 1,First Name", "Email subscriber status,Labels", "Created At (UTC+0),Labels"),
    columns=_columns(
        {
            "First Name": "first_name",
            "Last Name": "last_name",
            "Company": "company",
            "Email 1": "email",
            "Phone 1": "phone",
            **{f"Email {n}": f"email{n}" for n in range(2, 11)},
            **{f"Phone {n}": f"phone{n}" for n in range(2, 11)},
            **{
                f"Address {n} - {theirs}": (f"address{n}_" if n > 1 else "") + ours
                for n in range(1, 11)
                for theirs, ours in {
                    "Street": "street",
                    "Street Line 2": "line2",
                    "City": "city",
                    "State/Region": "region",
                    "Zip": "zip",
                    "Country": "country",
                }.items()
            },
            "Labels": "tags",
            "Created At (UTC+0)": "created_at",
            "Email subscriber status": "consent_email",
            "SMS subscriber status": "consent_sms",
            "Language": "locale",
        }
    ),
    zone="UTC",
    unused=frozenset(
        {fold(f"Address {n} - Type") for n in range(1, 11)} | _unused("Last Activity,Last Activity Date (UTC+0),Source")
    ),
)

MAILCHIMP = Layout(
    name="Mailchimp audience",
    marks=_marks("Email Address,LEID", "Email Address,MEMBER_RATING", "Email Address,OPTIN_TIME"),
    columns=_columns(
        {
            "Email Address": "email",
            "First Name": "first_name",
            "Last Name": "last_name",
            "Phone Number": "phone",
            "Address": "street",
            "Birthday": "birthday",
            "CONFIRM_TIME": "consent_at",
            "UNSUB_TIME": "unsubscribed_at",
            "LAST_CHANGED": "updated_at",
            "NOTES": "note",
            "TAGS": "tags",
        }
    ),
    zone="UTC",
    subscribed=("subscribed",),
    whole_address=True,
    unused=_unused(
        "MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LEID,EUID,"
        "UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER"
    ),
)

# Everybody's words; case, blanks, hyphens and accents do not matter (`fold`).
_WORDS = {
    "external_id": "id,external id,externalid,customer id,kunden id,id klienta,klaviyo id,rec id,contact id,user id",
    "first_name": "first name,firstname,given name,forename,first,vorname,rufname,imię",
    "last_name": "last name,lastname,surname,family name,last,nachname,familienname,zuname,nazwisko",
    "name": "name,full name,customer name,vollständiger name,kundenname,imię i nazwisko,display name",
    "company": "company,company name,organisation,organization,firma,firmenname,unternehmen,nazwa firmy",
    "email": "email,e-mail,mail,email address,e-mail address,e-mail-adresse,mailadresse,adres e-mail,user email",
    "email2": "email 2,e-mail 2,second email,zweite e-mail",
    "phone": "phone,phone number,telephone,tel,telefon,telefonnummer,rufnummer,tel nr,numer telefonu,nr telefonu",
    "phone2": "mobile,mobile phone,cell phone,mobil,mobiltelefon,mobilnummer,handy,handynummer,komórka,"
    "telefon komórkowy,phone 2,telefon 2",
    "street": "street,address,address 1,address line 1,street address,straße,strasse,adresse,anschrift,"
    "straße und hausnummer,straße hausnummer,straße nr,ulica,adres",
    "house_number": "house number,house no,street number,hausnummer,haus nr,hausnr,nr domu,numer domu",
    "line2": "address 2,address line 2,line 2,adresszusatz,zusatz,adresse 2,adres 2",
    "zip": "zip,zip code,zipcode,postal code,postcode,post code,plz,postleitzahl,kod pocztowy",
    "city": "city,town,ort,stadt,wohnort,miasto,miejscowość",
    "region": "region,state,province,bundesland,województwo",
    "country": "country,country code,country region,land,ländercode,laendercode,staat,kraj",
    "kind": "kind,customer kind,account kind",
    "updated_at": "updated at,updated,last changed,last modified,modified at,geändert am,geändert,letzte änderung,"
    "aktualisiert am,zuletzt geändert,zmieniono,data modyfikacji",
    "number": "customer number,customer no,customernumber,number,kundennummer,kunden nr,kundennr,"
    "numer klienta,nr klienta",
    "crm_id": "crm id,crm",
    "created_at": "created at,created,created utc,date registered,user registered,registered at,joined,"
    "erstellt am,angelegt am,registriert am,kunde seit,data utworzenia,data rejestracji",
    "tags": "tags,tag,labels,schlagworte,etiketten,tagi,etykiety",
    "consent_email": "consent email,email consent,email marketing consent,newsletter,accepts marketing,"
    "newsletter einwilligung,zgoda e-mail,zgoda na newsletter",
    "consent_sms": "consent sms,sms consent,zgoda sms",
    "consent_phone": "consent phone,phone consent",
    "consent_post": "consent post,post consent",
    "consent_whatsapp": "consent whatsapp,whatsapp consent",
    "birthday": "birthday,birth date,birthdate,date of birth,geburtstag,geburtsdatum,data urodzenia",
    "locale": "locale,language,sprache,język",
    "note": "note,notes,comment,remark,notiz,bemerkung,anmerkung,kommentar,uwagi,notatka",
    "order_id": "order id,orderid,bestell id,auftrags id,id zamówienia",
    "order_number": "order number,ordernumber,order no,bestellnummer,bestell nr,auftragsnummer,numer zamówienia",
    "placed_at": "placed at,order date,orderdate,date,datum,bestelldatum,bestellt am,auftragsdatum,"
    "data,data zamówienia",
    "total": "total,order total,amount,grand total,betrag,summe,gesamtbetrag,gesamtsumme,rechnungsbetrag,"
    "kwota,suma,wartość",
    "currency": "currency,währung,waehrung,waluta",
    "status": "status,order status,state of order,bestellstatus,auftragsstatus,status zamówienia",
    "test": "test,test order,testbestellung,zamówienie testowe",
    "refunded": "refunded,refunded amount,erstattet,erstattungsbetrag,zwrot",
    "cancelled_at": "cancelled at,canceled at,storniert am,anulowano",
    "line_title": "line title,product,product name,item name,artikel,artikelname,produkt",
    "line_sku": "line sku,sku,article number,artikelnummer",
    "line_quantity": "line quantity,quantity,qty,menge,anzahl,ilość",
    "line_price": "line price,unit price,item price,einzelpreis,stückpreis,cena",
    "line_total": "line total,zeilensumme",
}

ALIASES = {
    **{fold(name): name for name in FIELDS},
    **{fold(word): name for name, words in _WORDS.items() for word in words.split(",")},
}

GERMAN_SHOP = Layout(
    name="German shop",
    # Enough German headers; every one of them is in the list of everybody's words as well.
    marks=_marks("Vorname,Nachname,PLZ", "Vorname,Nachname,E-Mail", "Kundennummer,Nachname", "Kundennummer,Name,PLZ"),
    columns=ALIASES,
    unused=_unused("Anrede,Titel"),
)

GENERIC = Layout(name="no known layout, usual words", columns=ALIASES)

# Most telling first: an old Shopify export also looks like everybody's file.
KNOWN = (SHOPIFY_ORDERS, SHOPIFY_CUSTOMERS, SHOPIFY_CUSTOMERS_OLD, WIX_CONTACTS, MAILCHIMP, GERMAN_SHOP)

OURS = frozenset({fold(OUR_ID), fold(OUR_ERROR)})


def recognise(headers: Iterable[str]) -> Layout:
    """The layout that the header proves, or the one of everybody's words."""
    present = {fold(header) for header in headers}
    for layout in KNOWN:
        if any(mark <= present for mark in layout.marks):
            return layout
    return GENERIC


def familiar(headers: Iterable[str]) -> int:
    """How many of the headers we have a word for: what tells a header from a line cut at the wrong delimiter."""
    columns = recognise(headers).columns
    return sum(1 for header in headers if (key := fold(header)) in columns or key in OURS)
