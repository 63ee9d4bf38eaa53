"""What a person may type into a cart."""

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import ValidationError

from app.cart.services import quantity_of
from app.lib.errors import Invalid
from app.lib.forms import OpenForm


class Quantity(StringField):
    """A whole number from `least` to 999; anything else gets a sentence."""

    def __init__(self, *args: object, least: int = 1, **kwargs: object):
        super().__init__(*args, **kwargs)
        self.least = least

    def pre_validate(self, form: FlaskForm) -> None:
        try:
            self.number = quantity_of(self.data)
        except Invalid as error:
            raise ValidationError(error.sentence) from None
        if self.number < self.least:
            raise ValidationError("Enter a quantity from 1 to 999.")


class AddLineForm(OpenForm):
    sku = StringField()
    quantity = Quantity(default="1")


class QuantityForm(OpenForm):
    quantity = Quantity(least=0)
