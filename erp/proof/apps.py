from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProofConfig(AppConfig):
    name = "erp.proof"
    label = "proof"
    verbose_name = _("Proof")
