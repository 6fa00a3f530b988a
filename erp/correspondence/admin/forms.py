"""What is typed about mails."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from erp.correspondence.selectors import Seen, Written
from erp.correspondence.selectors.templates import LINE_WIDTH, SUBJECT_LENGTH
from erp.correspondence.services import Words

LINE = forms.TextInput(attrs={"class": "letter-subject"})
BODY = forms.Textarea(attrs={"rows": 28, "cols": LINE_WIDTH, "class": "letter"})


def fresh_token() -> str:
    return uuid.uuid4().hex


class SeenField(forms.CharField):
    """What whoever opened the page saw of the mail, brought back with what is pressed."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput, max_length=40, required=False)

    def prepare_value(self, value: Any) -> Any:
        return f"{value.event_id}.{value.newest_id}.{value.written_id}" if isinstance(value, Seen) else value

    def clean(self, value: Any) -> Seen:
        """Who says nothing has seen nothing."""
        found = re.fullmatch(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})", value or "")
        return Seen(*map(int, found.groups())) if found else Seen()


class GoesOutForm(forms.Form):
    """What makes a mail go out, of which only one does although the button is pressed twice."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=40)
    seen = SeenField()

    def sees(self, mail_id: int) -> None:
        """Whoever typed this is told of that mail now, and presses the button once more if it is to go out all the same."""
        typed = {name: self.data.get(name) for name in self.fields}
        self.data = {**typed, "seen": replace(self.cleaned_data["seen"], written_id=mail_id)}


class WordsForm(GoesOutForm):
    """A mail as it will go out."""

    recipient = forms.CharField(label=_("addressed to"), max_length=254, widget=LINE)
    subject = forms.CharField(label=_("subject line"), max_length=SUBJECT_LENGTH, widget=LINE)
    body = forms.CharField(label=_("text of the mail"), widget=BODY, strip=False)

    @classmethod
    def of(cls, written: Written, data: Any = None, *, seen: Seen | None = None) -> WordsForm:
        return cls(
            data,
            initial={
                "recipient": written.recipient,
                "subject": written.text.subject,
                "body": written.text.body,
                "token": fresh_token(),
                "seen": seen or Seen(),
            },
        )

    def words(self) -> Words:
        return Words(*(self.cleaned_data[name] for name in ("recipient", "subject", "body")))


class AgainForm(GoesOutForm):
    recipient = forms.CharField(
        label=_("addressed to"), max_length=254, required=False, help_text=_("Another address, if the first was wrong.")
    )


class DiscardForm(forms.Form):
    reason = forms.CharField(label=_("reason"), max_length=200)
    seen = SeenField()
