"""Pages as evidence, for whatever reads an answer beside them."""

from jacie_flask.events import Source
from jacie_flask.evidence.citations import Evidence

SALES = "3M Company\nNet sales $ 32,765 $ 31,657\nPurchases of property, plant and equipment (1,577) (1,373)\nGrowth 3.5%"
STAFF = "Employees\nThe company had 93,516 employees at year end.\nSales outside the US were 20,000 million."


def page(n: int, text: str, **about: object) -> Evidence:
    """Return a page as evidence number ``n``; ``about`` is what else its source says."""
    known = {"filename": "a.pdf", "company": "", "period": "", "document_type": "", "page": n * 10, **about}
    return Evidence(Source(n=n, document_id=f"d{n}", snippet="", score=1.0, url="", **known), text)


PAGES = [page(1, SALES), page(2, STAFF)]
