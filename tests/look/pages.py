"""Which pages are looked at, and what is done on each before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

PREVIEW_MS = 120_000
STEPS = ("data", "features", "horizons", "model", "loss", "train")
ADMIN = (
    "", "runs_app/trainingrun/", "runs_app/dataset/", "runs_app/job/", "runs_app/slot/",
    "runs_app/worker/", "runs_app/notification/", "runs_app/notificationswitch/",
    "runs_app/runevent/",
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """One page as a person would see it after ``act``."""

    name: str
    path: str
    act: Callable[[Page], None] | None = None
    waits: bool = False
    """Something on it turns as long as the work lasts, so that it is never at rest."""


def empty() -> list[Look]:
    """The pages of a product in which nothing has been done yet."""
    lists = ("runs", "queue", "groups", "datasets", "datasets/fetches", "trash", "notifications")
    found = [Look("empty-home", "/"), Look("empty-compare", "/runs/compare")]
    found += [Look(f"empty-{one.replace('/', '-')}", f"/{one}") for one in lists]
    return [*found, Look("empty-admin", "/admin/")]


def low() -> list[Look]:
    """The pages that say that the disk is nearly full."""
    found = [Look(f"low-{one}", f"/{one}") for one in ("queue", "trash", "datasets", "admin/")]
    return [
        Look("low-home", "/"),
        Look("low-builder", "/runs/new/train?draft="),
        *(Look(one.name.rstrip("/"), one.path) for one in found),
    ]


def full(at: dict[str, str]) -> list[Look]:
    """The pages of a product with work in it."""
    done, both = f"/runs/{at['done']}", f"{at['done']},{at['second']}"
    found = [
        Look("home", "/"),
        Look("runs", "/runs"),
        Look("runs-filtered", "/runs?verdict=ties&sort=val_nll&cols=val_nll,val_crps,tags"),
        Look("runs-not-heeded", "/runs?verdict=great&sort=-val_nll"),
        Look("runs-nothing", "/runs?q=nothing+of+this+name"),
        Look("run", done),
        Look("run-log", done, _search_log),
        Look("report", f"{done}/report"),
        Look("decision", f"{done}/decisions"),
        Look("decision-invalid", f"{done}/decisions?at=then"),
        Look("artifacts", f"{done}/artifacts"),
        Look("preview-json", f"{done}/preview/metrics.json"),
        Look("preview-yaml", f"{done}/preview/config.yaml"),
        Look("predictions", f"{done}/predictions"),
        Look("prediction", f"{done}/predictions/{at['prediction']}"),
        Look("comparison", f"/runs/compare?ids={both}"),
        *(
            Look(f"bulk-{action}", f"/runs/bulk?action={action}&ids={both}")
            for action in ("tag", "archive", "delete", "cancel")
        ),
        Look("groups", "/groups"),
        Look("group", f"/groups/{at['group']}"),
        Look("datasets", "/datasets"),
        Look("dataset", "/datasets/1"),
        Look("leak-check", f"/leak-checks/{at['leak_check']}"),
        Look("rehearsal", f"/rehearsals/{at['rehearsal']}"),
        Look("trash", "/trash"),
        Look("notifications", "/notifications"),
        Look("bell", "/queue", lambda page: page.locator("[data-bell] > summary").click()),
        Look("api-docs", "/api/docs"),
    ]
    found += [Look(f"builder-{step}", f"/runs/new/{step}?draft=", _shown) for step in STEPS]
    found += [
        Look("builder-clone", done, lambda page: _press(page, "Clone")),
        Look("builder-branch", done, lambda page: _press(page, "Branch")),
        Look("builder-rehearsed", "/runs/new/train?draft=", _rehearse),
    ]
    found += [Look(f"admin-{one.replace('/', '-')}", f"/admin/{one}") for one in ADMIN]
    found += [
        Look("admin-run", "/admin/runs_app/trainingrun/1/change/"),
        Look("admin-dataset", "/admin/runs_app/dataset/1/change/"),
    ]
    return found


def broken(at: dict[str, str]) -> list[Look]:
    """The pages of what went wrong, and of what is under way."""
    runs = ("changed", "cancelled", "killed", "lost", "waits_1")
    found = [Look(f"run-{name}", f"/runs/{at[name]}") for name in runs]
    data = [name for name in at if name.startswith("data_")]
    found += [Look(name.replace("_", "-"), f"/datasets/{at[name]}") for name in data]
    fetches = [name for name in ("fetching", "fetched", "fetch_failed") if name in at]
    # The one that is under way first, or it is done.
    found = [
        *(
            Look(name, f"/datasets/fetches/{at[name]}", waits=name == "fetching")
            for name in fetches
        ),
        *found,
    ]
    return [
        *found,
        Look("broken-home", "/"),
        Look("broken-runs", "/runs"),
        Look("broken-queue", "/queue"),
        Look("broken-datasets", "/datasets"),
        Look("broken-fetches", "/datasets/fetches"),
        Look("broken-notifications", "/notifications"),
        Look("broken-report", f"/runs/{at['killed']}/report"),
        Look("broken-compare", f"/runs/compare?ids={at['killed']},{at['changed']},none"),
        Look("run-none", "/runs/none"),
        Look("builder-faults", "/runs/new/horizons?draft=", _mistakes),
        Look("datasets-refused", "/datasets", _refused_upload),
        Look("datasets-uploading", "/datasets", _slow_upload),
        Look("fetch-form-faults", "/datasets/fetches", _wrong_fetch),
        Look("runs-bad-filter", "/runs?status=flying&from=yesterday&sort=taste"),
        Look("broken-admin-runs", "/admin/runs_app/trainingrun/"),
    ]


def _shown(page: Page) -> None:
    page.wait_for_timeout(800)
    drawn = "() => !/Drawing|Counting|Estimating/.test(document.querySelector('main').innerText)"
    page.wait_for_function(drawn, timeout=PREVIEW_MS)


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()
    page.wait_for_load_state()


def _search_log(page: Page) -> None:
    page.get_by_placeholder("Search the whole log").fill("epoch")
    page.keyboard.press("Enter")
    page.wait_for_timeout(800)


def _rehearse(page: Page) -> None:
    page.get_by_role("button", name="Rehearse").first.click()
    page.get_by_text("It works").or_(page.get_by_text("The run would fail")).wait_for(
        timeout=PREVIEW_MS
    )


def _mistakes(page: Page) -> None:
    page.get_by_label("Short-term horizon").fill("soon")
    page.get_by_role("button", name="Next: Model").click()
    page.wait_for_load_state()


def _refused_upload(page: Page) -> None:
    page.get_by_label("Upload a candle file").set_input_files(
        {"name": "picture.png", "mimeType": "image/png", "buffer": b"x"}
    )
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_timeout(800)


def _slow_upload(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": 400_000}
    session.send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Upload a candle file").set_input_files(
        {"name": "large.csv", "mimeType": "text/csv", "buffer": b"1,2,3,4,5,6\n" * 700_000}
    )
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_timeout(4_000)


def _wrong_fetch(page: Page) -> None:
    page.get_by_label("Market").fill("BTC")
    page.get_by_label("From (UTC)").fill("2024-02-01")
    page.get_by_label("Until (UTC)").fill("2024-01-01")
    page.get_by_role("button", name="Fetch", exact=True).click()
    page.wait_for_load_state()


def folder_of(argument: str) -> Path:
    """Where the pictures go; made where it is not there."""
    folder = Path(argument).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
