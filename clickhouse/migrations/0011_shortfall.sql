-- Swap is charged for a position, not for an order: no order's shortfall has it.
ALTER TABLE quality_orders
    DROP COLUMN IF EXISTS financing_account,
    COMMENT COLUMN shortfall_account 'sum of the three costs, account currency; null: unknown';
