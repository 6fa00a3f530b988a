"""Every write to the customer master. Takes these levels of the house's lock order: customer identity, credit group."""

from customers.services.credit import ExposureDelta, add_exposure, lock_credit
from customers.services.merging import merge_records, undo_merge
from customers.services.orderers import CustomerData, OrdererNews, Registered, register_customer, register_orderers

__all__ = [
    "CustomerData",
    "ExposureDelta",
    "OrdererNews",
    "Registered",
    "add_exposure",
    "lock_credit",
    "merge_records",
    "register_customer",
    "register_orderers",
    "undo_merge",
]
