"""What a shop was not given it makes for itself: private stores, and a key to sign with."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.config import BadSetting, Settings, load
from app.lib.embedded import EmbeddedPostgres, EmbeddedRedis, running_urls
from app.lib.private_store import Store, free_port, is_free

# A shop with any of these pays real providers, or their test systems.
PROVIDERS_OWN = tuple(
    name
    for name in Settings.__dataclass_fields__
    if name.startswith(("stripe_", "paypal_", "chapa_", "paystack_", "mpesa_"))
)


def missing_stores(settings: Settings) -> dict[str, Store]:
    """The private stores this shop needs, by the variable that would have named another."""
    stores: dict[str, Store] = {}
    if not settings.database_url:
        stores["DATABASE_URL"] = EmbeddedPostgres(settings.data_dir)
    if not settings.redis_url:
        stores["REDIS_URL"] = EmbeddedRedis(settings.data_dir)
    return stores


def completed(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the addresses of the private stores and the simulators that run now, and a key.

    This is how a `flask` command in a second terminal finds the shop's database, and pays where the shop does.
    Raises BadSetting.
    """
    settings = load(environ)
    running = running_urls(settings.data_dir) if missing_stores(settings) else {}
    complete = with_key(environ, settings) | {
        name: running[name] for name in missing_stores(settings) if name in running
    }
    if _may_simulate(settings):
        complete |= _noted(settings)
    if not load(complete).database_url:
        raise BadSetting(
            f"DATABASE_URL is not set, and no private PostgreSQL runs in {settings.data_dir}: start the shop first."
        )
    return complete


def with_key(environ: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """The environment with DATA_DIR spelled out and SECRET_KEY set: made once and kept, unless given."""
    complete = dict(environ) | {"DATA_DIR": str(settings.data_dir)}
    if not settings.secret_key:
        complete["SECRET_KEY"] = _kept_key(settings.data_dir / "secret_key")
    return complete


def simulated_providers(settings: Settings) -> dict[str, str]:
    """What puts our own simulators in the place of every provider; nothing in production, or beside any real key."""
    if not _may_simulate(settings):
        return {}
    # A shop that is given its keys needs no simulators, so only one without them loads any.
    from app.payments.simulators.everyone import invented

    beside = settings.port + 10
    port = beside if beside < 65536 and is_free(beside) else free_port()
    return invented(f"http://127.0.0.1:{port}")


def _may_simulate(settings: Settings) -> bool:
    return not settings.is_production and not any(getattr(settings, name) for name in PROVIDERS_OWN)


@contextmanager
def noted(settings: Settings, simulated: Mapping[str, str]) -> Iterator[None]:
    """While the shop runs, `completed` in another process finds where it pays."""
    file = _note(settings)
    file.unlink(missing_ok=True)
    if not simulated:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(dict(simulated)), encoding="ascii")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _noted(settings: Settings) -> dict[str, str]:
    try:
        return dict(json.loads(_note(settings).read_text(encoding="ascii")))
    except (OSError, ValueError):
        return {}


def _note(settings: Settings) -> Path:
    return settings.data_dir / "run" / "simulators.json"


def _kept_key(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f"{file.name}.{os.getpid()}")
        aside.touch(mode=0o600)
        aside.write_text(secrets.token_urlsafe(48), encoding="ascii")
        try:
            os.link(aside, file)  # never over a key that another process has made meanwhile
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    return file.read_text(encoding="ascii").strip()
