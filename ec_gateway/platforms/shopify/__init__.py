"""Shopify, by its Admin GraphQL API of 2026-10. Every request is valid against the published schema; it never ran against Shopify itself."""

from ec_gateway.platforms.shopify.platform import ShopifyPlatform

__all__ = ["ShopifyPlatform"]
