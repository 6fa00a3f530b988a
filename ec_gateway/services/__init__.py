"""What activities towards a site share (lease, circuit breaker, rate budget, the rows that hold them), and answers given once."""
