"""Stock. ``on_hand`` is the sum of an append-only ledger, ``allocated`` the sum of open claims, both kept under row locks and proved by ``verify``.

Private to this app; other rooms call ``inventory.services`` and ``inventory.selectors``. Rows name documents by (type, id, line) values.
"""

from erp.inventory.models.arrivals import ExpectedReceipt, ProvisionalReceipt
from erp.inventory.models.claims import Hold, HoldLine, Reservation
from erp.inventory.models.costing import StandardCost, WriteDownLine, WriteDownReview, WriteDownRule
from erp.inventory.models.ledger import CostBalance, StockBalance, StockDocument, StockMovement
from erp.inventory.models.masters import (
    NOT_FOR_SALE,
    ChannelLocation,
    ChannelRules,
    CostPool,
    Location,
    Reason,
    Shelf,
    ShopStaff,
)
from erp.inventory.models.ordering import ReorderRule
from erp.inventory.models.policies import ChannelPolicy, ChannelQuota
from erp.inventory.models.promises import Promise
from erp.inventory.models.snapshots import StockSnapshot
from erp.inventory.models.stocktakes import CountRecord, StockCount, StockCountEntry, StockCountLine
from erp.inventory.models.transfer_orders import (
    Distribution,
    DistributionLine,
    DistributionPattern,
    PatternShare,
    TransferOrder,
    TransferOrderLine,
)

__all__ = [
    "NOT_FOR_SALE",
    "ChannelLocation",
    "ChannelPolicy",
    "ChannelQuota",
    "ChannelRules",
    "CostBalance",
    "CostPool",
    "CountRecord",
    "Distribution",
    "DistributionLine",
    "DistributionPattern",
    "ExpectedReceipt",
    "Hold",
    "HoldLine",
    "Location",
    "PatternShare",
    "Promise",
    "ProvisionalReceipt",
    "Reason",
    "ReorderRule",
    "Reservation",
    "Shelf",
    "ShopStaff",
    "StandardCost",
    "StockBalance",
    "StockCount",
    "StockCountEntry",
    "StockCountLine",
    "StockDocument",
    "StockMovement",
    "StockSnapshot",
    "TransferOrder",
    "TransferOrderLine",
    "WriteDownLine",
    "WriteDownReview",
    "WriteDownRule",
]
