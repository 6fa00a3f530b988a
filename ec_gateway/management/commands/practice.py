"""Joins the practice sites of ``make run`` to the company. Run by ``erp.runtime.prepare``; it is told the sites in the environment."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ec_gateway.models import EcSite
from ec_gateway.services import practice
from ec_gateway.services.practice import PracticeSite
from erp.core.actors import Actor

# JSON, a list of the fields of PracticeSite; in the environment, where nobody else reads the secrets.
VARIABLE = "MAMORI_PRACTICE_SITES"


class Command(BaseCommand):
    help = f"Join the practice EC sites named by {VARIABLE}, and give a company without products a small assortment to practise with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--known-only", action="store_true", help="only bring sites up to date that are there")

    def handle(self, *args: Any, known_only: bool, **options: Any) -> None:
        try:
            sites = [PracticeSite(**fields) for fields in json.loads(os.environ.get(VARIABLE, "[]"))]
        except (ValueError, TypeError) as problem:
            raise CommandError(f"{VARIABLE}: {problem}") from problem
        if known_only:
            codes = set(EcSite.objects.values_list("channel__code", flat=True))
            sites = [site for site in sites if site.channel_code in codes]
        at, by = timezone.now(), Actor.command("practice")
        site_ids = practice.join_practice_sites(sites=sites, at=at, by=by)
        count = 0
        if sites and not known_only:
            count = practice.bring_practice_goods(articles=practice.read_assortment(), site_ids=site_ids, at=at, by=by)
        for site in sites:
            self.stdout.write(f"{site.channel_code} {site.base_url}")
        if count:
            self.stdout.write(f"{count} SKUs to practise with")
