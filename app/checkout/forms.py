"""What a shopper types at checkout, and the sentence for when it cannot be used."""

from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import DataRequired, Length, ValidationError

from app.auth.emails import normal_email
from app.checkout import addresses
from app.checkout.services import Wishes
from app.lib.errors import Invalid
from app.lib.forms import OpenForm
from app.orders.services import Recipient
from app.payments.providers.base import Provider


class CheckoutForm(OpenForm):
    """One form for contact, address, delivery and payment; which address fields count depends on the country."""

    email = StringField(
        "Email",
        [
            DataRequired("Enter your email address: the receipt goes there."),
            Length(max=254, message="This email address is too long."),
        ],
    )
    name = StringField(
        "Full name", [DataRequired("Enter the full name."), Length(max=100, message="At most 100 letters.")]
    )
    line1 = StringField(
        "Address",
        [DataRequired("Enter the street and house number."), Length(max=200, message="At most 200 letters.")],
    )
    line2 = StringField("Apartment, suite", [Length(max=200, message="At most 200 letters.")])
    city = StringField("City", [Length(max=100, message="At most 100 letters.")])
    region = StringField("State", [Length(max=100, message="At most 100 letters.")])
    postcode = StringField("Postcode", [Length(max=20, message="At most 20 characters.")])
    country = StringField("Country or region", [DataRequired("Choose the country.")])
    phone = StringField("Phone", [Length(max=40, message="At most 40 characters.")])
    shipping_method = StringField("Delivery method", [DataRequired("Choose a delivery method.")])
    provider = StringField("Payment")
    payer_phone = StringField("Number to be charged", [Length(max=40, message="At most 40 characters.")])
    accept_terms = BooleanField("I accept the terms", [DataRequired("Accept the terms to place the order.")])
    news = BooleanField("Email me about new arrivals, twice a month")
    idempotency_key = HiddenField()
    reviewed = HiddenField()

    recipient: Recipient | None = None
    costs_something = True

    def validate_email(self, field: StringField) -> None:
        try:
            field.data = normal_email(field.data or "")
        except Invalid:
            raise ValidationError("Enter the full address, for example name@example.com.") from None

    def validate_country(self, field: StringField) -> None:
        if field.data not in dict(addresses.countries("en")):
            raise ValidationError("Choose one of the countries we deliver to.")

    def validate_provider(self, field: StringField) -> None:
        if self.costs_something and not field.data:
            raise ValidationError("Choose how to pay.")

    def validate(self, extra_validators: object = None) -> bool:
        """Fields one by one, then the address as a whole, by the rules of its country."""
        fine = bool(super().validate(extra_validators))
        if self.country.errors:
            return False
        self.recipient, problems = addresses.check(self._typed())
        for name, sentence in problems.items():
            field = self[name]
            if not field.errors:
                field.errors = [sentence]
                fine = False
        return fine

    def _typed(self) -> Recipient:
        def text(field: StringField) -> str:
            return " ".join((field.data or "").split())

        return Recipient(
            email=text(self.email),
            name=text(self.name),
            line1=text(self.line1),
            line2=text(self.line2),
            city=text(self.city),
            region=text(self.region),
            postcode=text(self.postcode).upper(),
            country=text(self.country),
            phone=text(self.phone),
        )

    @property
    def number_to_charge(self) -> str:
        """The number typed for paying, else the one for the courier."""
        return self.payer_phone.data or self.phone.data or ""

    def has_phone_for(self, provider: Provider) -> bool:
        """Whether this provider can make the number ring; if not, the field says why."""
        if not provider.needs_phone:
            return True
        try:
            provider.payer_phone(self.number_to_charge)
        except ValueError as error:
            self.payer_phone.errors = [str(error)]
            return False
        return True

    def wishes(self) -> Wishes:
        assert self.recipient is not None
        return Wishes(self.recipient, self.shipping_method.data or "", bool(self.news.data))
