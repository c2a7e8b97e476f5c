"""Signs the one user of local mode in to the admin site.

Local mode has no login: it listens on loopback only, and Host and Origin are checked on every
request. Django's admin needs a user all the same, so that its log has a name. This middleware gives
requests below ``/admin/`` the account ``operator``, if they come from this machine, straight and
not through a proxy. The account has no password: nobody can log in with it from anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from runs_app.middleware import Answer, Middleware

ADMIN = "/admin/"
OPERATOR = "operator"
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED")


class LocalOperatorMiddleware(Middleware):
    """Stands after ``AuthenticationMiddleware``; switched off where the product is not local."""

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        if not _is_loopback(settings.ENV.host):
            raise MiddlewareNotUsed
        super().__init__(get_response)

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Give a local request to the admin its user, once the view asks for it."""
        if request.path.startswith(ADMIN) and _is_local(request):
            request.user = cast("User", SimpleLazyObject(partial(_operator_unless, request.user)))
        return None


def operator() -> User:
    """The account of local mode, made at its first use."""
    user, created = User.objects.get_or_create(
        username=OPERATOR, defaults={"is_staff": True, "is_superuser": True}
    )
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _operator_unless(signed_in: User | AnonymousUser) -> User:
    return (
        operator() if isinstance(signed_in, AnonymousUser) or signed_in.is_anonymous else signed_in
    )


def _is_local(request: HttpRequest) -> bool:
    if any(request.META.get(name) for name in _FORWARDED):
        return False
    return _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
