"""The fault day: practice sites, shoppers and staff, every fault and every kill, and the proof that nothing was lost."""
