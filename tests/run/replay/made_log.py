"""A small log with everything that is odd about the real one, made by hand."""

from pathlib import Path

HEAD = (
    "case,activity,resource,start,complete,span,work_order_qty,part,worker,report_type,"
    "qty_completed,qty_rejected,qty_for_mrb,rework,lifecycle"
)
ROWS = """
Case 1,Turning,Machine 4 - Turning,2012-01-30T08:00:00.000+08:00,2012-01-30T09:00:00.000+08:00,001:00,10,Cable Head,ID1,S,1,0,0,,complete
Case 1,Turning,Machine 4 - Turning,2012-01-30T09:00:00.000+08:00,2012-01-30T11:00:00.000+08:00,002:00,10,Cable Head,ID1,D,7,1,0,,complete
Case 2,Turning,Machine 4 - Turning,2012-01-30T10:30:00.000+08:00,2012-01-30T12:00:00.000+08:00,001:30,5,Plug,ID2,D,5,0,0,,complete
Case 1,Turning Q.C.,Quality Check 1,2012-01-31T00:00:00.000+08:00,2012-01-31T01:15:00.000+08:00,000:00,10,Cable Head,ID3,D,6,0,1,,complete
Case 1,Turning Q.C.,Quality Check 1,2012-01-31T00:00:00.000+08:00,2012-01-31T01:15:00.000+08:00,000:00,10,Cable Head,ID3,D,6,0,1,,complete
Case 1,Turning,Machine 4 - Turning,2012-01-31T08:00:00.000+08:00,2012-01-31T08:30:00.000+08:00,000:30,10,Cable Head,ID1,B,0,0,0,,complete
Case 1,Turning,Machine 4 - Turning,2012-01-31T09:00:00.000+08:00,2012-01-31T10:00:00.000+08:00,001:00,10,Cable Head,ID1,D,2,0,0,true,complete
""".strip()  # noqa: E501 - rows of a log as they come


def write(folder: Path, rows: str = ROWS, head: str = HEAD) -> Path:
    """Write a log and return its path."""
    path = folder / "log.csv"
    path.write_text(f"{head}\n{rows}\n", "utf-8")
    return path
