"""Production over the API: orders, what can run at a station, reports of job cards, andon."""

from fastapi import APIRouter

from millbrain.show.api.production import andon, orders, pay, reports, shift_reports

router = APIRouter()
for module in (orders, andon, reports, pay, shift_reports):
    router.include_router(module.router)
