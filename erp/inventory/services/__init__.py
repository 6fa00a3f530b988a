"""Every write to stock, by subject. Other rooms import from here."""

from erp.inventory.services.adjustments import AdjustmentLine, WriteDownLine, add_late_cost, adjust, write_down
from erp.inventory.services.documents import Booked, BookedLine
from erp.inventory.services.expectations import ExpectedLine, cancel_expected, expect_receipt
from erp.inventory.services.holds import HoldDemand, extend_hold, place_hold, release_hold, sweep_expired_holds
from erp.inventory.services.inspections import InspectedLine, receive_inspected
from erp.inventory.services.invoices import InvoicedAmount, book_supplier_invoice
from erp.inventory.services.issues import (
    BroughtBack,
    Issue,
    Issued,
    PutBack,
    TransitIssue,
    bring_back,
    issue_from_transit,
    issue_reserved,
    lock_ahead,
    lock_ahead_of_issues,
    put_back,
    put_back_all,
)
from erp.inventory.services.physical import (
    Count,
    CounterSale,
    PhysicalLine,
    record_count,
    record_physical_fact,
    take_sold,
)
from erp.inventory.services.places import (
    announce_place,
    announce_rules,
    assign_staff,
    keep_back,
    open_consigned_locations,
    open_location,
    sell_from,
    set_shelves,
)
from erp.inventory.services.receipts import PurchaseBooks, ReceiptLine, receive
from erp.inventory.services.reservations import Demand, Granted, lock_for_channels, lock_for_exchange, release, reserve
from erp.inventory.services.snapshots import CutResult, cut_snapshots, forget_snapshots
from erp.inventory.services.supplier_returns import SupplierReturnLine, return_to_supplier
from erp.inventory.services.transfers import TransferLine, arrive, transfer

__all__ = [
    "AdjustmentLine",
    "Booked",
    "BookedLine",
    "BroughtBack",
    "Count",
    "CounterSale",
    "CutResult",
    "Demand",
    "ExpectedLine",
    "Granted",
    "HoldDemand",
    "InspectedLine",
    "InvoicedAmount",
    "Issue",
    "Issued",
    "PhysicalLine",
    "PurchaseBooks",
    "PutBack",
    "ReceiptLine",
    "SupplierReturnLine",
    "TransferLine",
    "TransitIssue",
    "WriteDownLine",
    "add_late_cost",
    "adjust",
    "announce_place",
    "announce_rules",
    "arrive",
    "assign_staff",
    "book_supplier_invoice",
    "bring_back",
    "cancel_expected",
    "cut_snapshots",
    "expect_receipt",
    "extend_hold",
    "forget_snapshots",
    "issue_from_transit",
    "issue_reserved",
    "keep_back",
    "lock_ahead",
    "lock_ahead_of_issues",
    "lock_for_channels",
    "lock_for_exchange",
    "open_consigned_locations",
    "open_location",
    "place_hold",
    "put_back",
    "put_back_all",
    "receive",
    "receive_inspected",
    "record_count",
    "record_physical_fact",
    "release",
    "release_hold",
    "reserve",
    "return_to_supplier",
    "sell_from",
    "set_shelves",
    "sweep_expired_holds",
    "take_sold",
    "transfer",
    "write_down",
]
