"""Every setting of the shop: name, type, default, meaning. Nothing else reads the environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from babel.numbers import list_currencies

from app.lib.errors import Invalid
from app.lib.money import Money


class BadSetting(Exception):
    """A setting that cannot be used; the message is a sentence naming the variable."""


def _text(name: str, raw: str) -> str:
    return raw


def _address(name: str, raw: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", raw):
        raise BadSetting(f"{name} must be an email address, not {raw!r}.")
    return raw


def _countries(name: str, raw: str) -> tuple[str, ...]:
    codes = _secrets(name, raw)
    known = Locale("en").territories
    wrong = [code for code in codes if len(code) != 2 or code not in known]
    if wrong or not codes:
        raise BadSetting(f"{name} must be two-letter country codes such as KE,ET,US; {', '.join(wrong)} is none.")
    return codes


def _methods(name: str, raw: str) -> str:
    """Checked here, read by `shipping`: a shop must not find out at its first checkout."""
    for entry in filter(None, (part.strip() for part in raw.split(";"))):
        if not re.fullmatch(r"[\w-]+ *:[^:]+:[ 0-9.]+:[ 0-9.]*: *[0-9]{1,2}(-[0-9]{1,2})? *", entry):
            raise BadSetting(
                f"{name} must be entries such as standard:Standard:5.90:75:2-4, separated by semicolons; "
                f"{entry!r} is none."
            )
    return raw


def _secret(name: str, raw: str) -> str:
    return raw.strip()


def _secrets(name: str, raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def _path(name: str, raw: str) -> Path:
    return Path(raw).expanduser().absolute()


def _flag(name: str, raw: str) -> bool:
    if raw.lower() in ("on", "true", "yes", "1"):
        return True
    if raw.lower() in ("off", "false", "no", "0"):
        return False
    raise BadSetting(f"{name} must be on or off, not {raw!r}.")


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    def parse(name: str, raw: str) -> int:
        if not raw.isascii() or not raw.isdigit() or not least <= int(raw) <= most:
            raise BadSetting(f"{name} must be a whole number from {least} to {most}, not {raw!r}.")
        return int(raw)

    return parse


def _one_of(*words: str) -> Callable[[str, str], str]:
    def parse(name: str, raw: str) -> str:
        if raw not in words:
            raise BadSetting(f"{name} must be one of {', '.join(words)}, not {raw!r}.")
        return raw

    return parse


def _web_address(name: str, raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSetting(f"{name} must be an address such as https://shop.example.com, not {raw!r}.")
    return raw.rstrip("/")


def _origin(name: str, raw: str) -> str:
    address = _web_address(name, raw)
    parts = urlsplit(address)
    if parts.path or parts.query or parts.fragment or any(letter in raw for letter in " ;,'\""):
        raise BadSetting(f"{name} must be an address without a path, such as https://cdn.example.com, not {raw!r}.")
    return address


def _bucket(name: str, raw: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", raw):
        raise BadSetting(f"{name} must be the name of a bucket, such as my-shop-media, not {raw!r}.")
    return raw


def _database_url(name: str, raw: str) -> str:
    if not raw.startswith(("postgresql://", "postgres://")):
        raise BadSetting(f"{name} must start with postgresql://, because PostgreSQL is the only database.")
    return "postgresql+psycopg2://" + raw.split("://", 1)[1]


def _redis_url(name: str, raw: str) -> str:
    if not raw.startswith(("redis://", "rediss://", "unix://")):
        raise BadSetting(f"{name} must start with redis://, rediss:// or unix://.")
    return raw


def _mail_url(name: str, raw: str) -> str:
    if urlsplit(raw).scheme not in ("smtp", "smtps"):
        raise BadSetting(f"{name} must start with smtp:// or smtps://, not {raw!r}.")
    return raw


def _currency(name: str, raw: str) -> str:
    if raw not in list_currencies():
        raise BadSetting(f"{name} must be a three-letter ISO 4217 code such as EUR, not {raw!r}.")
    return raw


def _locale(name: str, raw: str) -> str:
    try:
        Locale.parse(raw)
    except (ValueError, UnknownLocaleError):
        raise BadSetting(f"{name} must be a locale such as en_US, not {raw!r}.") from None
    return raw


def _rate(name: str, raw: str) -> Decimal:
    try:
        rate = Decimal(raw)
    except InvalidOperation:
        raise BadSetting(f"{name} must be a decimal such as 0.085, not {raw!r}.") from None
    if not rate.is_finite() or not 0 <= rate < 1:
        raise BadSetting(f"{name} must be at least 0 and below 1, such as 0.085 for 8.5 %, not {raw!r}.")
    return rate


def _setting(meaning: str, parse: Callable[[str, str], Any], default: Any = None) -> Any:
    return field(default=default, metadata={"meaning": meaning, "parse": parse})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process. Field `shop_url` is read from SHOP_URL, or from the file SHOP_URL_FILE."""

    shop_env: str = _setting("development or production", _one_of("development", "production"), "development")
    shop_name: str = _setting("what the shop is called", _text, "Sokoni")
    shop_url: str = _setting("the shop's public address; links in mail start with it", _web_address, "")
    announcement: str = _setting("one line above every page while staff announce nothing", _text, "")
    locale: str = _setting("how money and dates are written", _locale, "en_US")
    secret_key: str = _setting("signs cookies and links; at least 32 characters", _secret, "")
    database_url: str = _setting("PostgreSQL; empty starts a private one", _database_url, "")
    database_replica_url: str = _setting("a streaming replica for pages that only look", _database_url, "")
    replica_max_lag: int = _setting("seconds a replica may be behind before the primary is read", _whole(1, 600), 10)
    redis_url: str = _setting("Redis; empty starts a private one", _redis_url, "")
    data_dir: Path = _setting("where private stores and pictures live", _path, Path("var").absolute())
    bind: str = _setting("the address the web process listens on", _text, "127.0.0.1")
    port: int = _setting("the port the web process listens on", _whole(1, 65535), 8000)
    web_workers: int = _setting("gunicorn processes", _whole(1, 64), 2)
    web_threads: int = _setting("threads in each gunicorn process", _whole(1, 64), 4)
    page_cache_mb: int = _setting("memory of each web process for finished pages; 0 keeps none", _whole(0, 4096), 24)
    trusted_proxies: int = _setting("proxies in front whose X-Forwarded-* is believed", _whole(0, 8), 0)
    s3_bucket: str = _setting("a bucket that speaks S3 keeps pictures instead of DATA_DIR", _bucket, "")
    s3_endpoint_url: str = _setting("another server than Amazon's, such as MinIO", _web_address, "")
    s3_region: str = _setting("where the bucket stands", _text, "us-east-1")
    s3_access_key_id: str = _setting("access to the bucket; empty asks the machine it runs on", _secret, "")
    s3_secret_access_key: str = _setting("its secret", _secret, "")
    cdn_url: str = _setting("where pictures and static files are fetched instead of here", _origin, "")
    mail_url: str = _setting("smtp:// or smtps://; empty keeps mail at /dev/mail", _mail_url, "")
    mail_from: str = _setting("sender of the shop's mail", _address, "shop@localhost")
    currency: str = _setting("the shop's currency", _currency, "USD")
    tax_rate: Decimal = _setting("one rate for everything", _rate, Decimal("0.085"))
    prices_include_tax: bool = _setting("whether shelf prices contain the tax", _flag, False)
    shipping_methods: str = _setting(
        "code:name:price:free over:days, separated by semicolons; prices in the shop's currency",
        _methods,
        "standard:Standard:6:75:2-4;express:Express:12::1-2",
    )
    ship_to: tuple[str, ...] = _setting(
        "countries served, the first one preset", _countries, ("US", "GB", "KE", "NG", "ET", "DE", "FR", "JP")
    )
    hold_minutes: int = _setting("how long an unpaid order holds its stock", _whole(1, 10_080), 60)
    low_stock_at: int = _setting(
        "available units from here down are low, unless a variant says so", _whole(0, 1_000_000), 5
    )
    sold_out: str = _setting(
        "where listings show what is sold out: last, mixed with the rest, or hidden",
        _one_of("last", "mixed", "hidden"),
        "last",
    )
    terms_version: str = _setting("which text of the terms a shopper accepts", _text, "1")
    stripe_secret_key: str = _setting("Stripe API key", _secret, "")
    stripe_webhook_secret: tuple[str, ...] = _setting(
        "Stripe webhook secrets, comma separated while one is being replaced", _secrets, ()
    )
    stripe_api_base: str = _setting("another server in Stripe's place", _web_address, "")
    paypal_client_id: str = _setting("PayPal REST client id", _secret, "")
    paypal_client_secret: str = _setting("PayPal REST client secret", _secret, "")
    paypal_webhook_id: str = _setting("the id PayPal gave our webhook address", _secret, "")
    paypal_api_base: str = _setting("PayPal's sandbox, or another server in its place", _web_address, "")
    chapa_secret_key: str = _setting("Chapa API key", _secret, "")
    chapa_webhook_secret: tuple[str, ...] = _setting(
        "Chapa webhook secret hashes, comma separated while one is being replaced", _secrets, ()
    )
    chapa_api_base: str = _setting("another server in Chapa's place", _web_address, "")
    paystack_secret_key: tuple[str, ...] = _setting(
        "Paystack API key; comma separated, the new one first, on the day it is replaced", _secrets, ()
    )
    paystack_api_base: str = _setting("another server in Paystack's place", _web_address, "")
    mpesa_consumer_key: str = _setting("M-Pesa Daraja consumer key", _secret, "")
    mpesa_consumer_secret: str = _setting("M-Pesa Daraja consumer secret", _secret, "")
    mpesa_shortcode: str = _setting("M-Pesa paybill, or the store number of a till", _text, "")
    mpesa_till: str = _setting("M-Pesa till number, when goods are bought by till and not by paybill", _text, "")
    mpesa_passkey: str = _setting("M-Pesa passkey of the shortcode", _secret, "")
    mpesa_api_base: str = _setting("M-Pesa's sandbox, or another server in its place", _web_address, "")
    bank_transfer: str = _setting("account details for bank transfers; empty offers none", _text, "")
    bank_transfer_days: int = _setting("how long a bank transfer may take", _whole(1, 30), 7)
    cash_on_delivery: tuple[str, ...] = _setting("countries where goods are paid at the door", _countries, ())
    seller: str = _setting("name, address and tax number of the seller on invoices; | ends a line", _text, "")
    demo_payments: bool = _setting("offer the demo provider although this is production", _flag, False)
    rate_limits: bool = _setting("off only in development", _flag, True)
    job_lease: int = _setting("seconds until a dead worker's job is taken over", _whole(2, 3600), 60)
    log_level: str = _setting("how much is logged", _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")

    @property
    def is_production(self) -> bool:
        return self.shop_env == "production"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that nobody may read in a log, the longest first; too short ones would be found everywhere."""
        found: set[str] = set()
        for name, spec in self.__dataclass_fields__.items():
            if spec.metadata["parse"] in (_secret, _secrets):
                value = getattr(self, name)
                found.update([value] if isinstance(value, str) else value)
        return tuple(sorted((one for one in found if len(one) >= 8), key=len, reverse=True))

    @property
    def is_tls(self) -> bool:
        """Whether shoppers reach the shop by https, so cookies may be Secure."""
        return self.shop_url.startswith("https://")


def load(environ: Mapping[str, str]) -> Settings:
    """Read every setting strictly. Raises BadSetting with a sentence that names the variable."""
    values = {}
    for name, spec in Settings.__dataclass_fields__.items():
        variable = name.upper()
        raw = _raw(variable, environ)
        if raw is not None and raw.strip():
            values[name] = spec.metadata["parse"](variable, raw.strip())
    settings = Settings(**values)
    if not settings.shop_url:
        values["shop_url"] = f"http://127.0.0.1:{settings.port}"
        settings = Settings(**values)
    _check_together(settings)
    return settings


def _raw(variable: str, environ: Mapping[str, str]) -> str | None:
    file = environ.get(f"{variable}_FILE")
    if not file:
        return environ.get(variable)
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise BadSetting(f"{variable}_FILE names {file}, which cannot be read: {error.strerror}.") from None


WEAK_KEYS = {"dev", "secret", "changeme", "change-me", "development", "secret-key", "secretkey"}


def _check_together(settings: Settings) -> None:
    _check_fees(settings)
    key = settings.secret_key
    if key and (len(key) < 32 or key.lower() in WEAK_KEYS or len(set(key)) < 8):
        raise BadSetting(
            "SECRET_KEY is too weak: use at least 32 random characters, for example from "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`."
        )
    if not settings.is_production:
        return
    if not key:
        raise BadSetting("SECRET_KEY must be set in production; no default is safe.")
    if not settings.rate_limits:
        raise BadSetting("RATE_LIMITS=off is for development only.")
    if not settings.is_tls and urlsplit(settings.shop_url).hostname not in ("127.0.0.1", "localhost"):
        raise BadSetting("SHOP_URL must start with https:// in production, or sign-in cookies travel in clear.")


def _check_fees(settings: Settings) -> None:
    """Fees are written in the shop's currency, so they may not have more digits than it has."""
    for entry in filter(None, settings.shipping_methods.split(";")):
        for amount in filter(None, (part.strip() for part in entry.split(":")[2:4])):
            try:
                Money.parse(amount, settings.currency)
            except Invalid as error:
                raise BadSetting(f"SHIPPING_METHODS: {error.sentence}") from None
