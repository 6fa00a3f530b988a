"""What every activity towards a site shares: the lease, the circuit breaker, the rate budget, and the rows that hold them."""
