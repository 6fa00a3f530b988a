"""All settings of Mamori. Every knob is an environment variable with a safe default; ``.env.example`` names them all.

Nothing here connects to anything: with no ``DATABASE_URL`` the address is that of the embedded server, running or not.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from erp.runtime.installation import Installation, read_env_file

# Lets classes of Django be written with their type, ``ModelAdmin[Sku]``, where the checker wants it.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

read_env_file()
env = environ.Env()
INSTALLATION = Installation.of_environment()
DATABASE_URL = env.str("DATABASE_URL", default="")

# --- Security ---------------------------------------------------------------------------------------------------------
# Whoever names a database of their own and forgets the rest gets production, not a page of secrets.
DEVELOPMENT = env.bool("DEBUG", default=not DATABASE_URL)
# No page shows settings, statements or code to anybody, in development neither: staff try the system there. What went wrong is in the log.
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEVELOPMENT:
        raise ImproperlyConfigured(
            "Set SECRET_KEY: with DEBUG off there is no default, for it signs every session. (DEBUG is off when "
            "DATABASE_URL is set; DEBUG=true is for development.)"
        )
    SECRET_KEY = INSTALLATION.secret("secret_key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# HTTPS everywhere in production. Behind a proxy that ends TLS, name the header it sets: "X-Forwarded-Proto".
HTTPS = env.bool("HTTPS", default=not DEVELOPMENT)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# Health probes come from inside and do not follow redirects.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
if proxy_header := env.str("SECURE_PROXY_HEADER", default=""):
    SECURE_PROXY_SSL_HEADER = ("HTTP_" + proxy_header.upper().replace("-", "_"), "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    # The theme's templates stand before those of Django's admin.
    "unfold.apps.BasicAppConfig",
    "erp.back_office.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_structlog",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "erp.core",
    "erp.imports",
    "erp.correspondence",
    "erp.access",
    "catalog",
    "customers",
    "accounting",
    "erp.inventory",
    "erp.orders",
    "erp.insights",
    "ec_gateway",
    "erp.backup",
    "erp.proof",
    # The last one: when it is set up, the permissions of all others are there.
    "erp.back_office",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "ec_gateway.api.shortcut.ApiShortcut",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "erp.core.middleware.QueryMiddleware",
    "erp.core.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "erp.access.pages.gate.Gate",
    "erp.core.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "erp.core.middleware.GuardMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "erp.back_office.disclosure.Disclosure",
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
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

# --- Signing in (docs/security.md) ------------------------------------------------------------------------------------
# How many proxies of ours stand before the web server and append to X-Forwarded-For; 0: the header is not read.
PROXY_COUNT = env.int("PROXY_COUNT", default=0)
# Tries to sign in before a user name has to wait: from one address, from anywhere, and tries from one address with any name. The two
# latter may be 0, for no limit.
SIGN_IN_FAILURES = env.int("SIGN_IN_FAILURES", default=5)
SIGN_IN_FAILURES_PER_USER = env.int("SIGN_IN_FAILURES_PER_USER", default=30)
SIGN_IN_FAILURES_PER_ADDRESS = env.int("SIGN_IN_FAILURES_PER_ADDRESS", default=60)
SIGN_IN_COOL_OFF = timedelta(minutes=env.int("SIGN_IN_COOL_OFF_MINUTES", default=15))
# A session ends when it was not used for so long, and after so long in any case.
SESSION_IDLE_TIME = timedelta(minutes=env.int("SESSION_IDLE_MINUTES", default=60))
SESSION_LIFETIME = timedelta(hours=env.int("SESSION_LIFETIME_HOURS", default=12))
# The house judges by its own rows; what the browser keeps lasts longer, so that the page can say why a session is over.
SESSION_COOKIE_AGE = int((SESSION_LIFETIME + timedelta(days=1)).total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = env.bool("SESSION_EXPIRE_AT_BROWSER_CLOSE", default=True)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A name that browsers take over HTTPS from this very host only.
SESSION_COOKIE_NAME = "__Host-mamori-session" if HTTPS else "mamori-session"
CSRF_COOKIE_NAME = "__Host-mamori-csrf" if HTTPS else "mamori-csrf"
CSRF_FAILURE_VIEW = "erp.back_office.refused.csrf_failure"
# Keys that are rotated out: what they sealed or signed is still read.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
PASSWORD_MIN_LENGTH = env.int("PASSWORD_MIN_LENGTH", default=12)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "erp.access.services.passwords.DiffersFromCurrentValidator"},
]
# Roles whose users must have a second factor; "superuser" for those who may do everything. Users for practice never must.
SECOND_FACTOR_ROLES = env.list(
    "SECOND_FACTOR_ROLES", default=[] if DEVELOPMENT else ["superuser", "システム管理", "経理"]
)
# What the authenticator app shows beside the user name.
SECOND_FACTOR_ISSUER = env.str("SECOND_FACTOR_ISSUER", default="Mamori")
# How many days the access log is kept; 0 for ever. The database refuses to forget what is younger than 90 days.
ACCESS_LOG_KEPT_DAYS = env.int("ACCESS_LOG_KEPT_DAYS", default=1_100)
if (
    min(
        SIGN_IN_FAILURES,
        SIGN_IN_COOL_OFF.total_seconds(),
        SESSION_IDLE_TIME.total_seconds(),
        SESSION_LIFETIME.total_seconds(),
    )
    < 1
):
    raise ImproperlyConfigured(
        "SIGN_IN_FAILURES, SIGN_IN_COOL_OFF_MINUTES, SESSION_IDLE_MINUTES and SESSION_LIFETIME_HOURS are 1 or more."
    )
if min(PROXY_COUNT, SIGN_IN_FAILURES_PER_USER, SIGN_IN_FAILURES_PER_ADDRESS) < 0:
    raise ImproperlyConfigured("PROXY_COUNT, SIGN_IN_FAILURES_PER_USER and SIGN_IN_FAILURES_PER_ADDRESS are 0 or more.")
if PASSWORD_MIN_LENGTH < 8:
    raise ImproperlyConfigured("PASSWORD_MIN_LENGTH is 8 or more.")
if 0 != ACCESS_LOG_KEPT_DAYS < 90:
    raise ImproperlyConfigured("ACCESS_LOG_KEPT_DAYS is 0, or 90 or more.")


# --- Database ---------------------------------------------------------------------------------------------------------
def database_from_url(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL, read by libpq's own parser so that every form it knows works."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    timeouts = {
        # A write transaction that stays open holds back the change feed of the whole cluster. Commands that need
        # longer raise the limit for themselves: SET transaction_timeout = 0.
        "transaction_timeout": env.int("DATABASE_TRANSACTION_TIMEOUT_MS", default=30_000),
        "idle_in_transaction_session_timeout": env.int("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", default=5_000),
    }
    startup = [parts.pop("options", ""), *(f"-c {name}={value}" for name, value in timeouts.items() if value)]
    # Statements are planned once per connection instead of once per call; half of the database's work for short statements.
    # Behind a pooler that hands out connections per transaction, set DATABASE_PREPARE_THRESHOLD=0.
    options: dict[str, Any] = {"server_side_binding": True}
    options["prepare_threshold"] = env.int("DATABASE_PREPARE_THRESHOLD", default=5) or None
    if any(startup):
        options["options"] = " ".join(filter(None, startup))
    pool_size = env.int("DATABASE_POOL_SIZE", default=0)
    if pool_size:
        # Only the web server sets this: Celery's prefork closes a pool after each task.
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5}
    return {
        "ENGINE": "erp.core.postgresql",
        "NAME": parts.pop("dbname", "mamori"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": options | parts,
    }


DATABASES = {"default": database_from_url(DATABASE_URL or INSTALLATION.database_url)}
# The folder of pg_dump, pg_restore and psql. Those of the wheel serve any server that is not newer than they are.
POSTGRES_BIN = env.str("POSTGRES_BIN", default="")

# --- Background work --------------------------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="") or INSTALLATION.redis_url


def broker_from_url(url: str) -> str:
    """Celery's name for a unix socket differs from that of the Redis client."""
    return "redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url


CELERY_BROKER_URL = broker_from_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Whoever sends a message to a broker that is gone must not wait for it.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2.0, "socket_timeout": 5.0}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = env.str("TIME_ZONE", default="Asia/Tokyo")
# What calls EC sites waits for them; a worker of its own waits in threads.
CELERY_TASK_ROUTES = {"ec_gateway.*": {"queue": "ec_gateway"}}
CELERY_IMPORTS = ["erp.jobs"]
DJANGO_STRUCTLOG_CELERY_ENABLED = True

# --- Language and time ------------------------------------------------------------------------------------------------
# No LocaleMiddleware: a Japanese back office must not turn English because of one browser's setting. Whoever chooses another language
# on the page gets it.
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="ja")
LANGUAGES = [("ja", _("Japanese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Tokyo")
USE_I18N = True
USE_TZ = True
# Dates as lists need them: short, and in an order that sorts.
FORMAT_MODULE_PATH = ["erp.formats"]

# --- Look of the back office ------------------------------------------------------------------------------------------
# Everything comes from our own static files: no font, script or style of another host.
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Mamori",
    "SITE_HEADER": "Mamori 守り",
    "SITE_SYMBOL": "shield",
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("core/favicon.svg")}],
    "STYLES": [lambda request: static("core/admin.css")],
    "SCRIPTS": [lambda request: static("core/admin.js"), lambda request: static("core/finding.js")],
    "SIDEBAR": {"navigation": "erp.back_office.rooms.navigation"},
    "ACCOUNT": {
        "navigation": [
            {"title": _("My access"), "link": reverse_lazy("admin:access_own")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
        ]
    },
    "BORDER_RADIUS": "4px",
    "COLORS": {
        "primary": {
            "50": "#eef5fb", "100": "#d9e9f5", "200": "#b7d5ec", "300": "#87b9de", "400": "#5096ca", "500": "#2f7ab3",
            "600": "#1f6297", "700": "#1a4f7b", "800": "#194367", "900": "#193956", "950": "#102439",
        },
    },
}  # fmt: skip

# --- Static files -----------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = INSTALLATION.var / "static"
# Nobody collects files before a test or while developing: they are found where the apps keep them.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEVELOPMENT
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = INSTALLATION.var / "media"

# --- Log --------------------------------------------------------------------------------------------------------------
BEFORE_RENDERING: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *BEFORE_RENDERING,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            # Japanese stays readable in the log.
            "processor": structlog.processors.JSONRenderer(ensure_ascii=False),
            "foreign_pre_chain": BEFORE_RENDERING,
        },
        "plain": {"format": "%(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": env.str("LOG_FORMAT", default="json")},
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # What is sent to sites is in the message log.
        "httpx": {"level": "WARNING"},
    },
}

# --- API --------------------------------------------------------------------------------------------------------------
# The largest body of a request; 500 orders take about one megabyte.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("API_MAX_BODY_BYTES", default=10 * 1024 * 1024)
# Who may read /metrics: whoever sends it as a bearer token; without it only this machine.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
REST_FRAMEWORK: dict[str, Any] = {
    # Views of the API name theirs; whoever writes another one gets what lets nobody in.
    "DEFAULT_AUTHENTICATION_CLASSES": ["ec_gateway.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["ec_gateway.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ec_gateway.api.errors.answer_for",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Mamori",
    "DESCRIPTION": "What an EC site reads from Mamori and writes to it. Guide: docs/api.md.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["ec_gateway.api.schema.say_what_bodies_are"],
    "SORT_OPERATION_PARAMETERS": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Retention --------------------------------------------------------------------------------------------------------
# Days that rows are kept which are of no use later; 0 keeps them for ever. A reader of the change feed who was away for
# longer reads the full list. Whole months go at once.
CHANGES_KEPT_DAYS = env.int("CHANGES_KEPT_DAYS", default=400)
JOB_RUNS_KEPT_DAYS = env.int("JOB_RUNS_KEPT_DAYS", default=30)
if min(CHANGES_KEPT_DAYS, JOB_RUNS_KEPT_DAYS) < 0:
    raise ImproperlyConfigured("CHANGES_KEPT_DAYS and JOB_RUNS_KEPT_DAYS are days, 0 or more.")

# --- Orders -----------------------------------------------------------------------------------------------------------
# How many days before the wished date an order is shipped.
SHIP_DAYS_BEFORE_WISH = env.int("SHIP_DAYS_BEFORE_WISH", default=2)

# --- Holds ------------------------------------------------------------------------------------------------------------
# How long a hold runs where nobody says how long; and how long a customer order (客注) is kept from the day its last piece came.
HOLD_LIFETIMES = {
    "CART": timedelta(minutes=env.int("HOLD_CART_MINUTES", default=30)),
    "QUOTE": timedelta(days=env.int("HOLD_QUOTE_DAYS", default=14)),
    "KEEP": timedelta(days=env.int("HOLD_KEEP_DAYS", default=7)),
    "CUSTOMER_ORDER": timedelta(days=env.int("HOLD_CUSTOMER_ORDER_DAYS", default=90)),
}
HOLD_PICKUP = timedelta(days=env.int("HOLD_PICKUP_DAYS", default=14))

# --- Mail -------------------------------------------------------------------------------------------------------------
# The server that mails to shoppers go out by: smtp+tls://user:password@mail.example.co.jp:587 (also smtp://, smtp+ssl://). Without it they
# are kept and not sent. consolemail: and filemail:///folder are for trying.
EMAIL_URL = env.str("EMAIL_URL", default="")
EMAIL_IS_CONFIGURED = bool(EMAIL_URL)
vars().update(env.email_url("EMAIL_URL", default="dummymail:"))
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT_S", default=20)

# --- Receipts ---------------------------------------------------------------------------------------------------------
# Whether a receipt may be made out to 上様, nobody in particular.
RECEIPTS_TO_NOBODY = env.bool("RECEIPTS_TO_NOBODY", default=False)

# --- EC sites ---------------------------------------------------------------------------------------------------------
# The proxy through which sites are called, if there is one.
EC_HTTP_PROXY = env.str("EC_HTTP_PROXY", default="")
# How long the message log keeps what was sent to them. What came in is kept for ever.
SENT_MESSAGES_KEPT_DAYS = env.int("SENT_MESSAGES_KEPT_DAYS", default=14)
# After how many attempts a message of a site is left to staff: of those that failed, and of those that ended with the process.
INBOX_ATTEMPTS = env.int("INBOX_ATTEMPTS", default=8)
INBOX_INTERRUPTED_ATTEMPTS = env.int("INBOX_INTERRUPTED_ATTEMPTS", default=5)
if min(INBOX_ATTEMPTS, INBOX_INTERRUPTED_ATTEMPTS) < 1:
    raise ImproperlyConfigured("INBOX_ATTEMPTS and INBOX_INTERRUPTED_ATTEMPTS are 1 or more.")
