"""What is typed about mails."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from erp.correspondence.selectors import Written
from erp.correspondence.selectors.templates import LINE_WIDTH, SUBJECT_LENGTH
from erp.correspondence.services import Words

LINE = forms.TextInput(attrs={"class": "letter-subject"})
BODY = forms.Textarea(attrs={"rows": 28, "cols": LINE_WIDTH, "class": "letter"})


def fresh_token() -> str:
    return uuid.uuid4().hex


class WordsForm(forms.Form):
    """A mail as it will go out. The token makes the button that is pressed twice one mail."""

    recipient = forms.CharField(label=_("addressed to"), max_length=254, widget=LINE)
    subject = forms.CharField(label=_("subject line"), max_length=SUBJECT_LENGTH, widget=LINE)
    body = forms.CharField(label=_("text of the mail"), widget=BODY, strip=False)
    token = forms.CharField(widget=forms.HiddenInput, max_length=40)

    @classmethod
    def of(cls, written: Written, data: Any = None) -> WordsForm:
        return cls(
            data,
            initial={
                "recipient": written.recipient,
                "subject": written.text.subject,
                "body": written.text.body,
                "token": fresh_token(),
            },
        )

    def words(self) -> Words:
        return Words(*(self.cleaned_data[name] for name in ("recipient", "subject", "body")))


class AgainForm(forms.Form):
    recipient = forms.CharField(
        label=_("addressed to"), max_length=254, required=False, help_text=_("Another address, if the first was wrong.")
    )
    token = forms.CharField(widget=forms.HiddenInput, max_length=40)


class DiscardForm(forms.Form):
    reason = forms.CharField(label=_("reason"), max_length=200)
