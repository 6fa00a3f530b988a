"""Who works here: users and their roles. Roles come from ``roles.ROLES``; a user is given some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.access import services as access
from erp.access.models import SecondFactor, StaffAccess, StaffSession
from erp.access.pages import session_id_of, visit_of
from erp.access.selectors import open_sessions
from erp.back_office import rights
from erp.back_office.roles import APART, ROLES
from erp.core import doors
from erp.core.admin import ServiceAdmin
from erp.inventory.selectors import place_names_of

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm

    UserAdminBase = DjangoUserAdmin[User]
    NewUserFormBase = AdminUserCreationForm[User]
else:
    # The theme brings no types.
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm

    UserAdminBase = DjangoUserAdmin
    NewUserFormBase = AdminUserCreationForm

admin.site.unregister([User, Group])

# Django calls a group what the house calls a role; these are its words, said in ours.
ROLES_OF_DJANGO = (_("group"), _("groups"))


# What Django says of these speaks to who builds a site, not to who works with one.
HELP = {
    "username": _("Letters, digits and @ . + - _ only. It is what somebody signs in with."),
    "is_active": _("Off: signed out at once, and not let in any more."),
    "is_staff": _("On for everybody who works here."),
    "groups": _("What somebody may see and do. With Control (Mac: Command) several can be chosen."),
}


class NewUserForm(NewUserFormBase):
    """Everybody signs in with a password: there is no other way in that could be chosen."""

    usable_password = None  # type: ignore[assignment] # taken out of the form


@admin.register(User)
class UserAdmin(UserAdminBase, ServiceAdmin):
    """What nobody gives by a form: the rights of a superuser, single permissions beside the roles, and roles to oneself."""

    form = UserChangeForm  # type: ignore[assignment] # its own user model is any
    add_form = NewUserForm
    add_fieldsets = [
        (
            None,
            {
                "fields": ["username", "password1", "password2", "last_name", "first_name", "email", "groups"],
                "description": _(
                    "The password is for the first time only: at the first sign-in it is replaced by one of the user's own choice."
                ),
            },
        )
    ]
    change_password_form = AdminPasswordChangeForm
    list_display = [
        "username", "last_name", "first_name", "roles", "is_active", "last_login", "terms", "second_factor",
    ]  # fmt: skip
    search_help_text = _("User name, name or e-mail address")
    actions = ["remove_factor", "sign_out"]
    list_filter = ["groups", "is_staff", "is_active"]
    ordering = ["username"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "new_password", "last_name", "first_name", "email"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "groups", "shops"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined", "shops", "new_password"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        terms = StaffAccess.objects.filter(user=OuterRef("pk"))
        return (
            super()
            .get_queryset(request)
            .prefetch_related("groups")
            .annotate(
                is_practice=Exists(terms.filter(is_practice=True)),
                must_change=Exists(terms.filter(must_change_password=True)),
                has_factor=Exists(SecondFactor.objects.filter(user=OuterRef("pk"))),
            )
        )

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        return "・".join(group.name for group in user.groups.all())

    @admin.display(description=_("Password"))
    def new_password(self, user: User) -> str:
        """Nobody reads one, and how it is kept says nothing to whoever looks here."""
        giving = "admin:auth_user_password_change"
        if not doors.is_open(giving, user):
            return "–"
        url = reverse(giving, args=[user.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("Give a new first password"))

    @admin.display(description=_("shops"))
    def shops(self, user: User) -> str:
        """Whose stock somebody sees who works in a shop only. They are told on a list of their own."""
        names = place_names_of(user)
        if names is None:
            return gettext("all locations")
        url = f"{reverse('admin:inventory_shopstaff_changelist')}?{urlencode({'q': user.get_username()})}"
        return format_html(
            '{} <a href="{}">{}</a>', "・".join(names) or gettext("none: sees no stock"), url, gettext("Shop staff")
        )

    @admin.display(description=_("Signing in"))
    def terms(self, user: Any) -> str:
        if user.is_practice:
            return gettext("For practice: password stays")
        return gettext("Must choose a password") if user.must_change else ""

    @admin.display(description=_("Second factor"), boolean=True)
    def second_factor(self, user: Any) -> bool:
        return bool(user.has_factor)

    @admin.action(description=_("Remove the second factor of the selected users"), permissions=["act"])
    def remove_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """For whoever lost their device. Their sessions end, and the access log says who did it."""
        asked = self.asked_first(
            request, queryset, action="remove_factor", title=gettext("Remove the second factor"),
            warning=gettext(
                "Make sure in person that it is really they who ask. These users are signed out everywhere and sign in with their password alone"
                " until they set up a new one."
            ),
            label=lambda user: f"{user.get_username()} {user.get_full_name()}".strip(),
        )  # fmt: skip
        if asked is not None:
            return asked
        for user in self._in_reach(request, queryset):
            gone = self.serve(
                request, access.remove_factor, user_id=user.pk, user=request.user, visit=visit_of(request)
            )
            told = gettext("%(user)s: the second factor was removed.") if gone else gettext("%(user)s has none.")
            self.message_user(request, told % {"user": user}, messages.SUCCESS if gone else messages.WARNING)
        return None

    @admin.action(description=_("Sign the selected users out everywhere"), permissions=["act"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._in_reach(request, queryset):
            count = self.serve(
                request,
                access.end_sessions,
                session_ids=[session.pk for session in open_sessions(user.pk, at=timezone.now())],
                end=StaffSession.End.ENDED_BY_STAFF,
                user=request.user,
                visit=visit_of(request),
            )
            told = ngettext("%(user)s: %(count)d session was ended.", "%(user)s: %(count)d sessions were ended.", count)
            self.message_user(request, told % {"user": user, "count": count}, messages.SUCCESS)

    def _in_reach(self, request: HttpRequest, queryset: QuerySet[User]) -> list[User]:
        """Oneself has a page of one's own for this; a superuser is reached by superusers only."""
        reached = []
        for user in queryset.order_by("pk"):
            if user.pk == request.user.pk:
                told = gettext("Your own access is on the page “My access”.")
                self.message_user(request, told, messages.WARNING)
            elif not self.has_change_permission(request, user):
                told = gettext("%(user)s may do everything and is out of your reach.")
                self.message_user(request, told % {"user": user}, messages.ERROR)
            else:
                reached.append(user)
        return reached

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            # Nobody else signs in here.
            obj.is_staff = True
        super().save_model(request, obj, form, change)
        if not change and obj.has_usable_password():
            self._password_given(request, obj.pk)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Who gets a password from another person chooses one of their own at the next sign-in."""
        before = User.objects.filter(pk=id).values_list("password", flat=True).first()
        answer = super().user_change_password(request, id, form_url)
        after = User.objects.filter(pk=id).values_list("password", flat=True).first()
        if before != after and str(request.user.pk) != str(id):
            self._password_given(request, int(id))
        elif before != after:
            user, here = User.objects.get(pk=id), session_id_of(request)
            self.serve(request, access.password_changed, user=user, session_id=here, visit=visit_of(request))
        return answer

    def _password_given(self, request: HttpRequest, user_id: int) -> None:
        self.serve(request, access.give_password, user_id=user_id, user=request.user, visit=visit_of(request))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None and db_field.name in HELP:
            field.help_text = HELP[db_field.name]
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        own = ["is_active", "is_staff", "groups"] if obj is not None and obj.pk == request.user.pk else []
        return [*super().get_readonly_fields(request, obj), *own]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever changes the password of a superuser is one."""
        is_out_of_reach = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not is_out_of_reach

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Journals and the audit trail name users for ever; one who left is made inactive."""
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user = User.objects.get(pk=form.instance.pk)
        if change:
            self.serve(
                request, access.end_changed_sessions, user_id=user.pk, user=request.user, visit=visit_of(request)
            )
        if user.is_active and user.groups.exists() and place_names_of(user) == []:
            url = f"{reverse('admin:inventory_shopstaff_add')}?{urlencode({'user': user.pk})}"
            told = gettext("%(user)s works in a shop only and sees no stock until it is said in which one.") % {
                "user": user
            }
            self.message_user(
                request, format_html('{} <a href="{}">{}</a>', told, url, gettext("Choose the shop")), messages.WARNING
            )
        if not user.is_superuser:
            held = user.get_all_permissions()
            for duties in APART:
                if duties.are_together(held):
                    told = gettext("%(user)s holds two duties that belong apart: %(rule)s.")
                    self.message_user(request, told % {"user": user, "rule": duties.rule}, messages.WARNING)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ServiceAdmin):
    """The roles of the house are looked at; further groups of a company's own are made by a superuser."""

    list_display = ["name"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return (
            ["name", "permissions"] if self.has_change_permission(request, obj) or obj is None else ["name", "rights"]
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["rights"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **options: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **options)
        if field is not None and db_field.name == "permissions":
            field.queryset = field.queryset.select_related("content_type")
            field.label_from_instance = rights.told
        return field

    @admin.display(description=_("rights"))
    def rights(self, group: Group) -> str:
        """A line for each table, with what may be done to its rows."""
        lines = rights.by_table(group.permissions.select_related("content_type").order_by("content_type", "pk"))
        return format_html_join("", "<div>{}: {}</div>", ((table, "・".join(names)) for table, names in lines)) or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_declared = obj is not None and obj.name in {role.name for role in ROLES}
        return bool(request.user.is_superuser) and not is_declared

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self.has_change_permission(request, obj)
