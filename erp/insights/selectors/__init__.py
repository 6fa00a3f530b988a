"""Questions about customers' buying. Nothing here locks or writes."""

from erp.insights.selectors.customer_card import CustomerCard, card_of_account, card_of_customer
from erp.insights.selectors.purchases import purchases
from erp.insights.selectors.scoring import Purchases, Scores, find_segment, score_by_value, score_in_equal_groups
from erp.insights.selectors.segments import Member, RfmView, definition_on, members, rfm_of, segments

__all__ = [
    "CustomerCard",
    "Member",
    "Purchases",
    "RfmView",
    "Scores",
    "card_of_account",
    "card_of_customer",
    "definition_on",
    "find_segment",
    "members",
    "purchases",
    "rfm_of",
    "score_by_value",
    "score_in_equal_groups",
    "segments",
]
