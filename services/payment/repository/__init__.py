"""Every query of payment, by table. Lock order: payment, then provider event or operation, then refund, ledger, outbox."""
