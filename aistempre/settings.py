"""Django settings; every value that may differ between machines comes from ``env.py``."""

from __future__ import annotations

from typing import Any

import environ
from csp.constants import NONE, SELF

from aistempre import assets
from aistempre import env as environment

ENV = environment.read()
ROOT = environment.ROOT
DATA_ROOT = ENV.data_root
MEDIA_ROOT = ENV.media_root
RUNS_ROOT = MEDIA_ROOT / "runs"
DATASETS_ROOT = MEDIA_ROOT / "datasets"
RUN_SLOTS = ENV.run_slots
LEASE_SECONDS = ENV.lease_seconds
LOG_CAP_BYTES = ENV.log_cap_mb * 1024**2
DISK_RESERVE_PERCENT = ENV.disk_reserve_percent
TRASH_DAYS = ENV.trash_days
FETCHES_ROOT = MEDIA_ROOT / "fetches"
EXCHANGE_MIRRORS = ENV.exchange_mirrors
UPLOAD_MAX_BYTES = ENV.upload_max_mb * 1024**2
UPLOAD_BODY_BYTES = UPLOAD_MAX_BYTES + 1024**2  # with what a form says around its file
FILE_UPLOAD_HANDLERS = ["runs_app.services.upload_handler.CandleUploadHandler"]

# Local mode: one user, no login, this computer only. The Host header is checked against loopback
# names, so that no name that a web page rebinds to 127.0.0.1 reaches the product.
SECRET_KEY = environment.secret_key(ENV.home)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "aistempre.apps.LabAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_htmx",
    "template_partials",
    "runs_app",
    "aistempre.apps.ProjectConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "aistempre.faults.MethodPageMiddleware",
    "runs_app.middleware.SameOriginMiddleware",
    "runs_app.middleware.NegotiationMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "runs_app.local_operator.LocalOperatorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "aistempre.urls"
ASGI_APPLICATION = "aistempre.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "runs_app.context.navigation",
            ],
        },
    },
]

# Database
DATABASES: dict[str, dict[str, Any]] = {"default": environ.Env.db_url_config(ENV.database_url)}
_DATABASE = DATABASES["default"]
if _DATABASE["ENGINE"].endswith("sqlite3"):
    _DATABASE["OPTIONS"] = {
        # A deferred transaction that reads and then writes fails at once when another writes.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    # Under ASGI each request may run in another thread, so a kept connection is one nobody reuses.
    _DATABASE["CONN_MAX_AGE"] = 0
    _DATABASE["CONN_HEALTH_CHECKS"] = True
    # A server that cannot be reached is told to the page within seconds, not minutes.
    _DATABASE.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    _DATABASE.setdefault("OPTIONS", {}).setdefault(
        "options",
        # A worker that stands still in a transaction must not hold a run longer than its lease.
        "-c statement_timeout=60s -c lock_timeout=20s "
        f"-c idle_in_transaction_session_timeout={LEASE_SECONDS}s",
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Valkey or Redis
REDIS_URL = ENV.redis_url
# Messages are hints, so publish and subscribe fit: one subscription per run and process, and no
# queue on the server. The other layer of channels_redis pops with blocking reads that redis-py 8
# cuts after 5 s, and whose cancellation gets lost, so that closed sockets stay behind.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "health_check_interval": 30}]},
    },
}
CELERY_BROKER_URL = ENV.broker_url
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1, "interval_max": 0.1}
# A web request that wakes a worker must not hang on a broker that is away: the sweep repeats it.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
    # What was taken and not acknowledged is not kept at the broker: a message only wakes.
    "ack_emulation": False,
}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
# The queue is the database and a message only wakes, so a message is done once it is read:
# late acknowledgement would hand a long run out again after the visibility timeout.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_POOL = "threads"
# A supervisor only waits for its trainer; the others answer sweeps and messages that find no slot,
# and there is one run per GPU where there are several.
CELERY_WORKER_CONCURRENCY = RUN_SLOTS + 16
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(ENV.beat_schedule)
CELERY_TIMEZONE = "UTC"

# Notifications
NOTIFY_EMAIL_TO = ENV.notify_email_to if ENV.email_url else ()
NOTIFY_WEBHOOK_URL = ENV.notify_webhook_url
NOTIFY_WEBHOOK_SECRET = ENV.notify_webhook_secret
NOTIFY_WEBHOOK_PRIVATE = ENV.notify_webhook_private
PRODUCT_URL = f"http://{ENV.host}:{ENV.port}"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.notify_email_from
if ENV.email_url:
    _EMAIL = environ.Env.email_url_config(ENV.email_url)
    EMAIL_HOST, EMAIL_PORT = _EMAIL["EMAIL_HOST"], _EMAIL["EMAIL_PORT"]
    EMAIL_HOST_USER = _EMAIL["EMAIL_HOST_USER"] or ""
    EMAIL_HOST_PASSWORD = _EMAIL["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS = _EMAIL.get("EMAIL_USE_TLS", False)
    EMAIL_USE_SSL = _EMAIL.get("EMAIL_USE_SSL", False)
    EMAIL_PORT = EMAIL_PORT or (465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_TIMEOUT = 15

# Pages
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "aistempre.formats"
# An address is never used again for other content, so that a browser may keep what it once had.
STATIC_URL = f"/static/{assets.version(ROOT)}/"
WHITENOISE_IMMUTABLE_FILE_TEST = f"^{STATIC_URL}"
# Served from where they lie, without a collectstatic step; in templates, for example:
#   {% static 'vendor/tabler/css/tabler.min.css' %}   {% static 'vendor/tabler/js/tabler.min.js' %}
#   {% static 'vendor/uplot/uPlot.min.css' %}         {% static 'vendor/uplot/uPlot.iife.min.js' %}
#   {% static 'django_htmx/htmax-4.min.js' %}
# Only these folders of node_modules can be reached.
STATICFILES_DIRS = [
    ROOT / "static",
    ("vendor/tabler/css", ROOT / "node_modules/@tabler/core/dist/css"),
    ("vendor/tabler/js", ROOT / "node_modules/@tabler/core/dist/js"),
    ("vendor/uplot", ROOT / "node_modules/uplot/dist"),
]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False

# What a browser may do
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # Widths of progress bars stand in style attributes of server-rendered partials.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:"],  # Tabler's controls draw with data: images
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Cookies are shared by all ports of a host; two checkouts side by side need names of their own.
SESSION_COOKIE_NAME = f"aistempre_session_{ENV.port}"
SESSION_COOKIE_SAMESITE = "Lax"
# Drafts of the builder live in the session, in the database: closing the browser loses none.
SESSION_COOKIE_AGE = 365 * 24 * 3600
CSRF_COOKIE_NAME = f"aistempre_csrf_{ENV.port}"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "aistempre.faults.token_refused"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Logs
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "aistempre.log_format.OneLineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {
        # Django adds handlers of its own that mail administrators; everything goes to the root.
        "django": {"handlers": [], "level": ENV.log_level},
        "django.server": {"handlers": [], "level": ENV.log_level, "propagate": True},
        "daphne": {"level": "WARNING"},
        # One line for each sweep, four times a minute, would bury what happens to runs.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
