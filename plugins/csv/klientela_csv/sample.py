"""The sample file: the headers that `headers = "strict"` asks for, with two people who do not exist (R47, S37)."""

from __future__ import annotations

import csv
import io

# header -> field; the words of the sample are also in everybody's list, so a lenient source reads it as well
SAMPLE = {
    "Id": "external_id",
    "FirstName": "first_name",
    "LastName": "last_name",
    "Company": "company",
    "Email": "email",
    "Phone": "phone",
    "Street": "street",
    "HouseNumber": "house_number",
    "ZIP": "zip",
    "City": "city",
    "Country": "country",
    "CustomerNumber": "number",
    "Tags": "tags",
}

_PEOPLE = """
1|Anna|Beispiel||anna@example.com|+49 30 1234567|Musterweg|5|01067|Dresden|DE|K-1001|vip, newsletter
2|Jan|Przykład|Przykład S.A.|jan@example.org||ul. Długa|12/4|00-238|Warszawa|PL|K-1002|
"""


def sample(delimiter: str = ",") -> str:
    """The sample file as text; write it as UTF-8. `delimiter` is one of , ; tab |."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(SAMPLE)
    writer.writerows(line.split("|") for line in _PEOPLE.strip().splitlines())
    return text.getvalue()
