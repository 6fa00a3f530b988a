"""Tell every site what it may sell and what was shipped: level-triggered, absolute, newest figure first and last. See docs/publishing.md."""

from ec_gateway.publishing.running import Ended, Pace, publish, sites_to_publish, sweep, tend_listings

__all__ = ["Ended", "Pace", "publish", "sites_to_publish", "sweep", "tend_listings"]
