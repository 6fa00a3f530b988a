"""Questions to the customer master."""

from customers.selectors.accounts import AccountTerms, accounts_by_code, accounts_by_id, accounts_of_golden
from customers.selectors.channels import ChannelCustomer, channel_customer
from customers.selectors.credit import CreditStanding, CreditVerdict, credit_standings, exposure_terms, standing_of
from customers.selectors.golden import golden_ids

__all__ = [
    "AccountTerms",
    "ChannelCustomer",
    "CreditStanding",
    "CreditVerdict",
    "accounts_by_code",
    "accounts_by_id",
    "accounts_of_golden",
    "channel_customer",
    "credit_standings",
    "exposure_terms",
    "golden_ids",
    "standing_of",
]
