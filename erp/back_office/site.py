"""The site behind ``django.contrib.admin.site``: the theme's, with what is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from erp.access import services as access
from erp.access.pages import own, session_id_of, signing, visit_of
from erp.back_office import home, rooms, search
from erp.core.middleware import actor_of
from erp.core.retries import retried

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as ThemedSite
    from django.contrib.auth.forms import AdminPasswordChangeForm

    OwnPasswordForm = AdminPasswordChangeForm[Any]
else:
    # The theme brings no types.
    from unfold.forms import AdminOwnPasswordChangeForm as OwnPasswordForm
    from unfold.sites import UnfoldAdminSite as ThemedSite


class BackOffice(ThemedSite):
    index_title = _("Today")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "room": rooms.room_of(request)}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        # Django makes it for every page; our menu is made of rooms, and only two pages look at it.
        return SimpleLazyObject(lambda: super(BackOffice, self).get_app_list(request, app_label))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = {
            "home": home.home_of(request),
            "figures": home.figures_for(request),
            "rooms": list(rooms.open_rooms(request)),
        }
        return super().index(request, {**shown, **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        doors = [
            path("find/", self.admin_view(search.search_view), name="find"),
            path("filters/", self.admin_view(self.filters), name="filters"),
            path("login/code/", self.code, name="access_code"),
            path("my-access/", self.admin_view(self.own_access), name="access_own"),
            path("my-access/second-factor/", self.admin_view(self.second_factor), name="access_factor"),
        ]
        return [*doors, *super().get_urls()]

    def filters(self, request: HttpRequest) -> HttpResponse:
        # Those pages stand on this site.
        from erp.core.admin.saved_filters import filters_view

        return filters_view(request)

    @method_decorator([sensitive_post_parameters(), never_cache])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return signing.sign_in(request, {**self.each_context(request), **(extra_context or {})})

    @method_decorator([sensitive_post_parameters(), never_cache])
    def code(self, request: HttpRequest) -> HttpResponse:
        return signing.code_page(request, self.each_context(request))

    def own_access(self, request: HttpRequest) -> HttpResponse:
        return own.own_page(request, self.each_context(request))

    def second_factor(self, request: HttpRequest) -> HttpResponse:
        return own.factor_page(request, self.each_context(request))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        shown = {**self.each_context(request), **(extra_context or {})}
        return OwnPasswordView.as_view(
            form_class=CountedPasswordForm,
            success_url=reverse("admin:password_change_done"),
            template_name="registration/password_change_form.html",
            extra_context=shown,
        )(request)


class CountedPasswordForm(OwnPasswordForm):
    """Asks for the present password the way the other pages of one's own access do."""

    def __init__(self, user: Any, *args: Any, request: HttpRequest, **options: Any) -> None:
        super().__init__(user, *args, **options)
        self.request = request

    def clean_old_password(self) -> str:
        typed: str = self.cleaned_data["old_password"]
        if fault := own.fault_of_own_password(self.request, typed):
            raise fault
        return typed


class OwnPasswordView(PasswordChangeView):
    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        """The session that changed it goes on; all others of the user end."""
        answer = super().form_valid(form)
        retried(
            access.password_changed,
            user=self.request.user,
            session_id=session_id_of(self.request),
            visit=visit_of(self.request),
            at=timezone.now(),
            by=actor_of(self.request),
        )
        return answer
