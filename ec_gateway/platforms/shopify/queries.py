"""The documents that are sent. A test validates each of them against the official schema."""

SET_QUANTITIES = """
mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}
"""

READ_QUANTITIES = """
query ReadQuantities($location: ID!, $first: Int!, $after: String) {
  location(id: $location) {
    inventoryLevels(first: $first, after: $after) {
      nodes { item { id sku } quantities(names: ["available"]) { name quantity } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

READ_SOME = """
query ReadSome($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem { id inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } } }
  }
}
"""

_MONEY = "{ shopMoney { amount } }"
_ADDRESS = "{ firstName lastName company phone countryCodeV2 zip province city address1 address2 }"
_TAXES = f"taxLines {{ ratePercentage priceSet {_MONEY} }}"
_DISCOUNTS = f"discountAllocations {{ allocatedAmountSet {_MONEY} discountApplication {{ index ... on DiscountCodeApplication {{ code }} }} }}"

# A line's tax and discounts are lists without pages; 250 lines are the most Shopify gives in one page.
ORDER_FIELDS = f"""
fragment OrderFields on Order {{
  id legacyResourceId name createdAt updatedAt cancelledAt cancelReason currencyCode taxesIncluded note email phone test
  totalPriceSet {_MONEY} paymentGatewayNames customAttributes {{ key value }}
  customer {{ legacyResourceId firstName lastName email phone }}
  billingAddress {_ADDRESS} shippingAddress {_ADDRESS}
  lineItems(first: 250) {{
    nodes {{
      id name sku quantity currentQuantity isGiftCard requiresShipping customAttributes {{ key value }}
      originalUnitPriceSet {_MONEY} {_TAXES} {_DISCOUNTS}
    }}
    pageInfo {{ hasNextPage }}
  }}
  shippingLines(first: 20) {{ nodes {{ title code isRemoved discountedPriceSet {_MONEY} {_TAXES} }} }}
  refunds(first: 100) {{
    id createdAt
    refundLineItems(first: 100) {{ nodes {{ quantity restockType lineItem {{ id }} }} }}
  }}
  transactions(first: 100) {{
    id kind status gateway amountSet {_MONEY} processedAt createdAt authorizationExpiresAt
  }}
}}
"""

FETCH_ORDERS = (
    """
query FetchOrders($query: String!, $first: Int!, $after: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { ...OrderFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + ORDER_FIELDS
)

FETCH_ORDER = "query FetchOrder($id: ID!) { order(id: $id) { ...OrderFields } }" + ORDER_FIELDS

LIST_ORDERS = f"""
query ListOrders($query: String!, $first: Int!, $after: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ legacyResourceId updatedAt cancelledAt totalPriceSet {_MONEY} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

PARCELS = """
query Parcels($id: ID!) {
  order(id: $id) {
    fulfillments(first: 100) {
      id status trackingInfo(first: 10) { number company } fulfillmentLineItems(first: 250) { nodes { quantity lineItem { id } } }
    }
    fulfillmentOrders(first: 50) {
      nodes { id status lineItems(first: 250) { nodes { id remainingQuantity lineItem { id } } } }
    }
  }
}
"""

CREATE_FULFILLMENT = """
mutation CreateFulfillment($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id } userErrors { field message } }
}
"""

UPDATE_TRACKING = """
mutation UpdateTracking($fulfillment: ID!, $tracking: FulfillmentTrackingInput!) {
  fulfillmentTrackingInfoUpdate(fulfillmentId: $fulfillment, trackingInfoInput: $tracking, notifyCustomer: false) {
    fulfillment { id } userErrors { field message }
  }
}
"""

WEBHOOKS = """
query Webhooks($topics: [WebhookSubscriptionTopic!], $uri: String) {
  webhookSubscriptions(first: 50, topics: $topics, uri: $uri) { nodes { topic } }
}
"""

ALL = {
    "SET_QUANTITIES": SET_QUANTITIES,
    "READ_QUANTITIES": READ_QUANTITIES,
    "READ_SOME": READ_SOME,
    "FETCH_ORDERS": FETCH_ORDERS,
    "FETCH_ORDER": FETCH_ORDER,
    "LIST_ORDERS": LIST_ORDERS,
    "PARCELS": PARCELS,
    "CREATE_FULFILLMENT": CREATE_FULFILLMENT,
    "UPDATE_TRACKING": UPDATE_TRACKING,
    "WEBHOOKS": WEBHOOKS,
}
