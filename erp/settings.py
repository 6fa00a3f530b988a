"""All settings of Mamori. Every knob is an environment variable with a safe default; ``.env.example`` names them all.

Nothing here connects to anything: with no ``DATABASE_URL`` the address is that of the embedded server, running or not.
"""

from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from erp.runtime.installation import Installation

# Lets classes of Django be written with their type, ``ModelAdmin[Sku]``, where the checker wants it.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").exists():
    environ.Env.read_env(BASE_DIR / ".env")

INSTALLATION = Installation.of_environment()

# --- Security ---------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "Set SECRET_KEY: with DEBUG off there is no default, for it signs every session."
        )
    SECRET_KEY = INSTALLATION.secret("secret_key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_structlog",
    "rest_framework",
    "django_filters",
    "erp.core",
    "catalog",
    "customers",
    "accounting",
    "erp.inventory",
    "erp.orders",
    "ec_gateway",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]
ROOT_URLCONF = "erp.urls"
WSGI_APPLICATION = "erp.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]


# --- Database ---------------------------------------------------------------------------------------------------------
def database_from_url(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL, read by libpq's own parser so that every form it knows works."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    timeouts = {
        # A write transaction that stays open holds back the change feed of the whole cluster.
        "transaction_timeout": env.int("DATABASE_TRANSACTION_TIMEOUT_MS", default=30_000),
        "idle_in_transaction_session_timeout": env.int("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", default=5_000),
    }
    options: dict[str, Any] = {}
    if startup := " ".join(f"-c {name}={value}" for name, value in timeouts.items() if value):
        options["options"] = startup
    if pool_size := env.int("DATABASE_POOL_SIZE", default=0):
        # Only the web server sets this: Celery's prefork closes a pool after each task.
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "mamori"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": options | parts,
    }


DATABASES = {
    "default": database_from_url(
        env.str("DATABASE_URL", default="") or f"postgresql://mamori@/mamori?host={INSTALLATION.socket_dir}"
    )
}

# --- Broker -----------------------------------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="") or f"unix://{INSTALLATION.socket_dir}/valkey.sock"

# --- Language and time ------------------------------------------------------------------------------------------------
# No LocaleMiddleware: a Japanese back office must not turn English because of one browser's setting.
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="ja")
LANGUAGES = [("ja", _("Japanese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Tokyo")
USE_I18N = True
USE_TZ = True

# --- Static files -----------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = INSTALLATION.var / "static"
