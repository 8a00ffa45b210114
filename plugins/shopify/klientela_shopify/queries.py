"""What the shop is asked, in GraphQL. Valid in 2026-07 and 2026-10; every query is checked against both.

Only fields that need no more than read_customers and read_orders are selected; the two changes, which nobody asks for who
has not set write_orders, need write_draft_orders. Money is asked for in the shop's
currency alone (R30): each further object of a list costs points.
"""

from __future__ import annotations

LINES = 20
"""Lines that come with an order or checkout; the rest is asked for one by one."""

ADDRESSES = 5
"""Addresses that come with a customer."""

_ADDRESS = "firstName lastName company address1 address2 zip city province country countryCodeV2 phone"
_MONEY = "{ shopMoney { amount currencyCode } }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_LINE = f"title variantTitle sku quantity originalUnitPriceSet {_MONEY}"
_ORDER_LINE = f"{_LINE} discountedTotalSet {_MONEY}"
_CHECKOUT_LINE = f"{_LINE} discountedTotalSet: discountedTotalPriceSet {_MONEY}"

_CUSTOMER = f"""id createdAt updatedAt state verifiedEmail firstName lastName locale note tags
      defaultEmailAddress {{ emailAddress marketingState marketingUpdatedAt }}
      defaultPhoneNumber {{
        phoneNumber marketingState marketingUpdatedAt whatsAppMarketingConsent {{ state updatedAt }}
      }}
      defaultAddress {{ id {_ADDRESS} }}"""
_ORDER = f"""id name test updatedAt processedAt cancelledAt displayFinancialStatus email phone tags checkoutToken
      customer {{ id }}
      totalPriceSet {_MONEY}
      currentTotalPriceSet {_MONEY}
      totalRefundedSet {_MONEY}
      billingAddress {{ {_ADDRESS} }}
      shippingAddress {{ {_ADDRESS} }}"""
_CHECKOUT = f"""id createdAt updatedAt completedAt abandonedCheckoutUrl
      customer {{ id }}
      totalPriceSet {_MONEY}"""

SHOP = """
query Shop {
  shop { id name }
  currentAppInstallation { accessScopes { handle } }
}
"""

CLOCK = """
query Clock { shop { id } }
"""

CUSTOMERS = f"""
query Customers($first: Int!, $after: String, $query: String) {{
  customers(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {_PAGE}
    nodes {{
      {_CUSTOMER}
      addressesV2(first: {ADDRESSES}) {{ {_PAGE} nodes {{ id {_ADDRESS} }} }}
    }}
  }}
}}
"""

ORDERS = f"""
query Orders($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    {_PAGE}
    nodes {{
      {_ORDER}
      lineItems(first: {LINES}) {{ {_PAGE} nodes {{ {_ORDER_LINE} }} }}
    }}
  }}
}}
"""

# abandonedCheckouts cannot be sorted by time of change: the window's filter and the order of ids must do
CHECKOUTS = f"""
query Checkouts($first: Int!, $after: String, $query: String) {{
  abandonedCheckouts(first: $first, after: $after, query: $query, sortKey: ID) {{
    {_PAGE}
    nodes {{
      {_CHECKOUT}
      lineItems(first: {LINES}) {{ {_PAGE} nodes {{ {_CHECKOUT_LINE} }} }}
    }}
  }}
}}
"""

CUSTOMER_IDS = """
query CustomerIds($first: Int!, $query: String) {
  customers(first: $first, query: $query, sortKey: ID) {
    pageInfo { hasNextPage endCursor }
    nodes { id }
  }
}
"""

# the rest of a list inside one object
MORE_ADDRESSES = f"""
query MoreAddresses($id: ID!, $first: Int!, $after: String) {{
  node(id: $id) {{
    ... on Customer {{ rest: addressesV2(first: $first, after: $after) {{ {_PAGE} nodes {{ id {_ADDRESS} }} }} }}
  }}
}}
"""

MORE_ORDER_LINES = f"""
query MoreOrderLines($id: ID!, $first: Int!, $after: String) {{
  node(id: $id) {{
    ... on Order {{ rest: lineItems(first: $first, after: $after) {{ {_PAGE} nodes {{ {_ORDER_LINE} }} }} }}
  }}
}}
"""

MORE_CHECKOUT_LINES = f"""
query MoreCheckoutLines($id: ID!, $first: Int!, $after: String) {{
  node(id: $id) {{
    ... on AbandonedCheckout {{
      rest: lineItems(first: $first, after: $after) {{ {_PAGE} nodes {{ {_CHECKOUT_LINE} }} }}
    }}
  }}
}}
"""

# -- the whole of a list at once -----------------------------------------------------------------------------------

# Bulk operations take edges and node alone, no variables, one connection inside the list, and give all of it.
BULK_CUSTOMERS = f"""
query BulkCustomers {{
  customers {{ edges {{ node {{
      {_CUSTOMER}
      addressesV2 {{ edges {{ node {{ id {_ADDRESS} }} }} }}
  }} }} }}
}}
"""

BULK_ORDERS = f"""
query BulkOrders {{
  orders {{ edges {{ node {{
      {_ORDER}
      lineItems {{ edges {{ node {{ {_ORDER_LINE} }} }} }}
  }} }} }}
}}
"""

BULK_CHECKOUTS = f"""
query BulkCheckouts {{
  abandonedCheckouts {{ edges {{ node {{
      {_CHECKOUT}
      lineItems {{ edges {{ node {{ {_CHECKOUT_LINE} }} }} }}
  }} }} }}
}}
"""

_OPERATION = "id status errorCode objectCount fileSize url"

BULK_RUN = f"""
mutation BulkRun($query: String!) {{
  bulkOperationRunQuery(query: $query) {{ bulkOperation {{ {_OPERATION} }} userErrors {{ code message }} }}
}}
"""

BULK_LOOK = f"""
query BulkLook($id: ID!) {{ bulkOperation(id: $id) {{ {_OPERATION} }} }}
"""

BULK_CANCEL = """
mutation BulkCancel($id: ID!) { bulkOperationCancel(id: $id) { userErrors { message } } }
"""

DRAFT_CREATE = """
mutation DraftCreate($input: DraftOrderInput!) {
  draftOrderCreate(input: $input) { draftOrder { id name } userErrors { field message } }
}
"""

DRAFT_COMPLETE = """
mutation DraftComplete($id: ID!) {
  draftOrderComplete(id: $id) { draftOrder { id name order { id } } userErrors { field message } }
}
"""

# how long a list is, counted no further than needed
CUSTOMERS_COUNT = """
query CustomersCount($limit: Int!) { count: customersCount(limit: $limit) { count } }
"""

ORDERS_COUNT = """
query OrdersCount($limit: Int!) { count: ordersCount(limit: $limit) { count } }
"""

CHECKOUTS_COUNT = """
query CheckoutsCount($limit: Int!) { count: abandonedCheckoutsCount(limit: $limit) { count } }
"""
