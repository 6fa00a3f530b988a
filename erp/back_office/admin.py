"""Who works here: users and their roles. Roles come from ``roles.ROLES``; a user is given some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.back_office.roles import APART, ROLES
from erp.core.admin import ServiceAdmin

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm

    UserAdminBase = DjangoUserAdmin[User]
else:
    # The theme brings no types.
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm

    UserAdminBase = DjangoUserAdmin

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(UserAdminBase, ServiceAdmin):
    """What nobody gives by a form: the rights of a superuser, single permissions beside the roles, and roles to oneself."""

    form = UserChangeForm  # type: ignore[assignment] # its own user model is any
    add_form = AdminUserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "last_name", "first_name", "email", "is_staff", "is_active", "last_login"]
    list_filter = ["groups", "is_staff", "is_active"]
    ordering = ["username"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "password", "last_name", "first_name", "email"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "groups"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_declared = obj is not None and obj.name in {role.name for role in ROLES}
        return bool(request.user.is_superuser) and not is_declared

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self.has_change_permission(request, obj)
