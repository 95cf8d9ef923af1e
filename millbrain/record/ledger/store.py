"""`Ledger`: the transactional store of few and important things, opened by URL."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from millbrain.record.ledger.accounts import Accounts
from millbrain.record.ledger.alarms import Alarms
from millbrain.record.ledger.audit import Audit
from millbrain.record.ledger.commands import Commands
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.life.events import LifeEvents
from millbrain.record.ledger.life.inspections import Inspections
from millbrain.record.ledger.order_files import OrderFiles
from millbrain.record.ledger.orders import WorkOrders
from millbrain.record.ledger.outbox import Outbox
from millbrain.record.ledger.pay.book import PayBooks
from millbrain.record.ledger.peers import PeerAccounts
from millbrain.record.ledger.production.andon import AndonCalls
from millbrain.record.ledger.production.orders import ProductionOrders
from millbrain.record.ledger.production.reports import ProductionReports
from millbrain.record.ledger.scans.book import RecipeBook
from millbrain.record.ledger.scans.scans import Scans
from millbrain.record.ledger.tags.book import Tags
from millbrain.record.ledger.tags.signal_limits import SignalLimitBook
from millbrain.record.ledger.things import Things


class Ledger:
    """Accounts, platform accounts, things, commands and the audit trail in one database.

    Thread safe, and several processes may have it open at once.

    Parameters
    ----------
    url
        SQLAlchemy URL: ``sqlite:///<file>`` or ``postgresql://user:password@host/name``.

    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.accounts = Accounts(self.database)
        self.peers = PeerAccounts(self.database)
        self.things = Things(self.database)
        self.commands = Commands(self.database)
        self.audit = Audit(self.database)
        self.alarms = Alarms(self.database)
        self.orders = WorkOrders(self.database)
        self.order_files = OrderFiles(self.database)
        self.outbox = Outbox(self.database)
        self.inspections = Inspections(self.database)
        self.life_events = LifeEvents(self.database)
        self.recipes = RecipeBook(self.database)
        self.scans = Scans(self.database)
        self.tags = Tags(self.database)
        self.signal_limits = SignalLimitBook(self.database)
        self.production = ProductionOrders(self.database)
        self.reports = ProductionReports(self.database)
        self.andon = AndonCalls(self.database)
        self.pay = PayBooks(self.database)

    def migrate(self) -> None:
        """Bring the database to the newest form; several processes may try at once."""
        config = Config()
        config.set_main_option("script_location", "millbrain.record.ledger:migrations")
        config.set_main_option("path_separator", "os")
        with self.database.migrating() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def schema_version(self) -> str:
        """Return the newest migration that the database has had, empty where it had none."""
        with self.database.read() as connection:
            return MigrationContext.configure(connection).get_current_revision() or ""

    def close(self) -> None:
        """Close every connection."""
        self.database.close()
