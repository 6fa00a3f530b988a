"""The site as a Django project of its own: no database of Django's, no application of Mamori's."""

from __future__ import annotations

from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from ec_gateway.sandbox.server import Application
from ec_gateway.sandbox.site import Site


def application(site: Site) -> Application:
    # Browsers share cookies between the ports of one host, so each site names its own.
    cookies = f"practice_{site.options.prefix.lower()}"
    settings.configure(
        DEBUG=False,
        SANDBOX_SITE=site,
        SECRET_KEY=site.database.setting("secret_key"),
        ALLOWED_HOSTS=["127.0.0.1", "localhost", "[::1]"],
        ROOT_URLCONF="ec_gateway.sandbox.urls",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        INSTALLED_APPS=["django.contrib.humanize"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [Path(__file__).parent / "templates"],
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.messages.context_processors.messages",
                        "ec_gateway.sandbox.pages.shop_context",
                    ]
                },
            }
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        SESSION_COOKIE_NAME=f"{cookies}_session",
        SESSION_COOKIE_AGE=180 * 24 * 3600,
        CSRF_COOKIE_NAME=f"{cookies}_csrf",
        MESSAGE_STORAGE="django.contrib.messages.storage.session.SessionStorage",
        LANGUAGE_CODE="ja",
        TIME_ZONE="Asia/Tokyo",
        USE_TZ=True,
        USE_THOUSAND_SEPARATOR=True,
    )
    django.setup()
    made: Application = get_wsgi_application()
    return made
