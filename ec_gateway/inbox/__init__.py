"""What EC sites tell us: taken in as it comes, whichever way and however often, and worked off in order through the services of the domain."""
