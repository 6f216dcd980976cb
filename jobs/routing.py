"""What the accounts of a run have cost so far, as its routes begin with it."""

from clickhouse_connect.driver.client import Client

from clickhouse.quality import of_accounts
from config.settings import Settings
from trading.routing.learning import AccountCosts

_MOST = 20_000
"""Records of each kind and account: older ones say little of what dealing costs today."""


def known_costs(client: Client, settings: Settings) -> AccountCosts:
    """Return the costs of a run's accounts as all runs of the archive have measured them."""
    costs = AccountCosts()
    if settings.is_routed:
        names = [one.account for one in settings.accounts]
        costs.learn(of_accounts(client, names, _MOST))
    return costs
