"""Every write to orders, by subject. Other rooms and edges import from here."""

from erp.orders.services.allocation import (
    advance_due_orders,
    allocate_by_hand,
    allocate_orders,
    allocate_waiting,
    reconsider_lost_reservations,
)
from erp.orders.services.amending import apply_late_revision
from erp.orders.services.amending import describe as orders_as_they_stand
from erp.orders.services.cancelling import CancelOutcome, cancel_by_staff, cancel_order, hear_cancellation
from erp.orders.services.channel_returns import (
    ChannelReturn,
    ReturnedUnits,
    ReturnOutcome,
    find_return_problems,
    record_channel_return,
)
from erp.orders.services.charges import Charge, ChargeLine, record_charges
from erp.orders.services.collecting import collect_with
from erp.orders.services.distributing import (
    DistributionOutcome,
    confirm_order_distribution,
    draft_order_distribution,
    finish_order_distribution,
    go_on_with_order_distribution,
    set_order_distribution,
    undo_order_distribution,
)
from erp.orders.services.distribution_plans import Foreseen, foresee, propose
from erp.orders.services.documents import (
    AdjustmentInput,
    AllocatedLine,
    DeliveryInput,
    FeeInput,
    LineInput,
    OrderInput,
    OrderOutcome,
    PaymentInput,
    StatedTax,
)
from erp.orders.services.exchanges import Exchange, part_exchanges
from erp.orders.services.from_holds import HoldOrder, order_from_hold, prices_of_hold
from erp.orders.services.holding import assign_sku, hold_order, make_final, resolve_hold
from erp.orders.services.label_files import find_label_problems, write_label_file
from erp.orders.services.letters import remind_of_payments
from erp.orders.services.memos import LONGEST_MEMO, write_memo
from erp.orders.services.moving import move_reservation, set_priority
from erp.orders.services.overdue import give_up_overdue
from erp.orders.services.payment_news import PaymentNews, find_payment_problems
from erp.orders.services.payments import PaymentOutcome, confirm_payment, hear_payment_news, record_payment_event
from erp.orders.services.placing import place_order, place_orders
from erp.orders.services.printing import Printing, note_printing
from erp.orders.services.progress import accept, deliver, set_tracking
from erp.orders.services.promising import keep_promises
from erp.orders.services.receipts import issue_receipt
from erp.orders.services.refunds import confirm_refund
from erp.orders.services.refused_sales import RefusedSale, keep_refused_sales
from erp.orders.services.release_plans import PlaceTotal, ReleasePlan, plan_releases, release_totals
from erp.orders.services.releasing import ReleaseOutcome, ReleaseResult, cancel_release, release_as_seen, release_orders
from erp.orders.services.return_parts import ReturnedLine, ReturnRequest
from erp.orders.services.returns import record_refusal, record_return, record_returns
from erp.orders.services.sale_outcomes import SaleOutcome
from erp.orders.services.sales_reports import SoldUnits, report_sales
from erp.orders.services.second_transfers import book_second_transfer
from erp.orders.services.shipping import ShipRequest, ship
from erp.orders.services.shop_sales import (
    find_sale_problems,
    in_words_of_a_sale,
    record_shop_sales,
)
from erp.orders.services.till_returns import TillReturn, record_till_returns
from erp.orders.services.tracking_files import (
    MOST_ROWS,
    Judged,
    TrackingRow,
    Verdict,
    judge,
    read_tracking_file,
    take_tracking,
)
from erp.orders.services.tracking_numbers import fault_of_number, with_seven_check
from erp.orders.services.unlinked_returns import UnlinkedLine, UnlinkedReturn, record_unlinked_returns
from erp.orders.services.validation import find_problems

__all__ = [
    "LONGEST_MEMO",
    "MOST_ROWS",
    "AdjustmentInput",
    "AllocatedLine",
    "CancelOutcome",
    "ChannelReturn",
    "Charge",
    "ChargeLine",
    "DeliveryInput",
    "DistributionOutcome",
    "Exchange",
    "FeeInput",
    "Foreseen",
    "HoldOrder",
    "Judged",
    "LineInput",
    "OrderInput",
    "OrderOutcome",
    "PaymentInput",
    "PaymentNews",
    "PaymentOutcome",
    "PlaceTotal",
    "Printing",
    "RefusedSale",
    "ReleaseOutcome",
    "ReleasePlan",
    "ReleaseResult",
    "ReturnOutcome",
    "ReturnRequest",
    "ReturnedLine",
    "ReturnedUnits",
    "SaleOutcome",
    "ShipRequest",
    "SoldUnits",
    "StatedTax",
    "TillReturn",
    "TrackingRow",
    "UnlinkedLine",
    "UnlinkedReturn",
    "Verdict",
    "accept",
    "advance_due_orders",
    "allocate_by_hand",
    "allocate_orders",
    "allocate_waiting",
    "apply_late_revision",
    "assign_sku",
    "book_second_transfer",
    "cancel_by_staff",
    "cancel_order",
    "cancel_release",
    "collect_with",
    "confirm_order_distribution",
    "confirm_payment",
    "confirm_refund",
    "deliver",
    "draft_order_distribution",
    "fault_of_number",
    "find_label_problems",
    "find_payment_problems",
    "find_problems",
    "find_return_problems",
    "find_sale_problems",
    "finish_order_distribution",
    "foresee",
    "give_up_overdue",
    "go_on_with_order_distribution",
    "hear_cancellation",
    "hear_payment_news",
    "hold_order",
    "in_words_of_a_sale",
    "issue_receipt",
    "judge",
    "keep_promises",
    "keep_refused_sales",
    "make_final",
    "move_reservation",
    "note_printing",
    "order_from_hold",
    "orders_as_they_stand",
    "part_exchanges",
    "place_order",
    "place_orders",
    "plan_releases",
    "prices_of_hold",
    "propose",
    "read_tracking_file",
    "reconsider_lost_reservations",
    "record_channel_return",
    "record_charges",
    "record_payment_event",
    "record_refusal",
    "record_return",
    "record_returns",
    "record_shop_sales",
    "record_till_returns",
    "record_unlinked_returns",
    "release_as_seen",
    "release_orders",
    "release_totals",
    "remind_of_payments",
    "report_sales",
    "resolve_hold",
    "set_order_distribution",
    "set_priority",
    "set_tracking",
    "ship",
    "take_tracking",
    "undo_order_distribution",
    "with_seven_check",
    "write_label_file",
    "write_memo",
]
