"""Addresses of the pages. One per resource, without a trailing slash."""

from __future__ import annotations

from django.urls import path

from runs_app.views.alive import alive
from runs_app.views.artifacts import artifact, artifact_list, artifact_preview
from runs_app.views.builder import builder, draft_delete, new
from runs_app.views.bulk import bulk
from runs_app.views.comparison import compare
from runs_app.views.copies import run_branch, run_clone, run_resume, run_retry
from runs_app.views.datasets import dataset, dataset_remove, datasets
from runs_app.views.decisions import run_decision
from runs_app.views.detail import (
    checkpoint_pin,
    checkpoint_unpin,
    run_cancel,
    run_delete,
    run_detail,
    run_environment,
    run_live,
)
from runs_app.views.exports import (
    plot_csv,
    prediction_csv,
    run_export,
    run_metrics,
    run_passport,
)
from runs_app.views.fetches import fetch, fetch_cancel, fetches
from runs_app.views.groups import group_cancel, group_delete, group_detail, group_list
from runs_app.views.home import home
from runs_app.views.labels import run_edit
from runs_app.views.leak_checks import leak_check
from runs_app.views.log import run_log, run_log_search
from runs_app.views.notifications import (
    bell,
    newest,
    notification_open,
    notification_read,
    notifications,
    notifications_read,
)
from runs_app.views.passports import passport_open
from runs_app.views.predictions import export, prediction, predictions
from runs_app.views.previews import preview
from runs_app.views.queue import (
    queue,
    queue_pause,
    queue_resume,
    run_queue,
    slot_drain,
    slot_undrain,
)
from runs_app.views.rehearsals import rehearsal
from runs_app.views.report import run_report
from runs_app.views.rows import rows
from runs_app.views.runs import live_rows, run_list, view_delete, view_save
from runs_app.views.trash import run_purge, run_restore, trash, trash_compare, trash_empty

app_name = "runs"
urlpatterns = [
    path("", home, name="home"),
    path("alive", alive, name="alive"),
    path("runs", run_list, name="run_list"),
    path("runs/compare", compare, name="compare"),
    path("runs/bulk", bulk, name="bulk"),
    path("runs/rows", live_rows, name="live_rows"),
    path("runs/views", view_save, name="view_save"),
    path("runs/views/<int:pk>/delete", view_delete, name="view_delete"),
    path("runs/new", new, name="new"),
    path("runs/new/passport", passport_open, name="passport_open"),
    path("runs/new/rows", rows, name="rows"),
    path("runs/new/preview/<slug:what>", preview, name="preview"),
    path("runs/new/drafts/<slug:draft_id>/delete", draft_delete, name="draft_delete"),
    path("runs/new/<slug:step>", builder, name="builder"),
    path("runs/<slug:uid>", run_detail, name="run_detail"),
    path("runs/<slug:uid>/live", run_live, name="run_live"),
    path("runs/<slug:uid>/environment", run_environment, name="run_environment"),
    path("runs/<slug:uid>/log", run_log, name="run_log"),
    path("runs/<slug:uid>/log/search", run_log_search, name="run_log_search"),
    path("runs/<slug:uid>/report", run_report, name="run_report"),
    path("runs/<slug:uid>/report/plots/<slug:name>.csv", plot_csv, name="plot_csv"),
    path("runs/<slug:uid>/decisions", run_decision, name="run_decision"),
    path("runs/<slug:uid>/metrics", run_metrics, name="run_metrics"),
    path("runs/<slug:uid>/passport.json", run_passport, name="run_passport"),
    path("runs/<slug:uid>/export.zip", run_export, name="run_export"),
    path("runs/<slug:uid>/cancel", run_cancel, name="run_cancel"),
    path("runs/<slug:uid>/edit", run_edit, name="run_edit"),
    path("runs/<slug:uid>/resume", run_resume, name="run_resume"),
    path("runs/<slug:uid>/retry", run_retry, name="run_retry"),
    path("runs/<slug:uid>/clone", run_clone, name="run_clone"),
    path("runs/<slug:uid>/branch", run_branch, name="run_branch"),
    path("runs/<slug:uid>/checkpoints/<str:name>/pin", checkpoint_pin, name="checkpoint_pin"),
    path("runs/<slug:uid>/checkpoints/<str:name>/unpin", checkpoint_unpin, name="checkpoint_unpin"),
    path("runs/<slug:uid>/delete", run_delete, name="run_delete"),
    path("trash", trash, name="trash"),
    path("trash/empty", trash_empty, name="trash_empty"),
    path("trash/compare", trash_compare, name="trash_compare"),
    path("trash/<slug:uid>/restore", run_restore, name="run_restore"),
    path("trash/<slug:uid>/purge", run_purge, name="run_purge"),
    path("runs/<slug:uid>/artifacts", artifact_list, name="artifact_list"),
    path("runs/<slug:uid>/artifacts/<path:path>", artifact, name="artifact"),
    path("runs/<slug:uid>/preview/<path:path>", artifact_preview, name="artifact_preview"),
    path("runs/<slug:uid>/queue", run_queue, name="run_queue"),
    path("queue", queue, name="queue"),
    path("queue/pause", queue_pause, name="queue_pause"),
    path("queue/resume", queue_resume, name="queue_resume"),
    path("queue/slots/<str:host>/<str:name>/drain", slot_drain, name="slot_drain"),
    path("queue/slots/<str:host>/<str:name>/undrain", slot_undrain, name="slot_undrain"),
    path("notifications", notifications, name="notifications"),
    path("notifications/bell", bell, name="bell"),
    path("notifications/newest", newest, name="notifications_newest"),
    path("notifications/read", notifications_read, name="notifications_read"),
    path("notifications/<int:pk>/read", notification_read, name="notification_read"),
    path("notifications/<int:pk>/open", notification_open, name="notification_open"),
    path("groups", group_list, name="group_list"),
    path("groups/<slug:uid>", group_detail, name="group_detail"),
    path("groups/<slug:uid>/cancel", group_cancel, name="group_cancel"),
    path("groups/<slug:uid>/delete", group_delete, name="group_delete"),
    path("runs/<slug:uid>/predictions", predictions, name="predictions"),
    path("runs/<slug:uid>/exports", export, name="export"),
    path("runs/<slug:uid>/predictions/<slug:job_uid>", prediction, name="prediction"),
    path(
        "runs/<slug:uid>/predictions/<slug:job_uid>/fan.csv", prediction_csv, name="prediction_csv"
    ),
    path("datasets", datasets, name="datasets"),
    path("datasets/fetches", fetches, name="fetches"),
    path("datasets/fetches/<slug:uid>", fetch, name="fetch"),
    path("datasets/fetches/<slug:uid>/cancel", fetch_cancel, name="fetch_cancel"),
    path("datasets/<int:pk>", dataset, name="dataset"),
    path("datasets/<int:pk>/remove", dataset_remove, name="dataset_remove"),
    path("leak-checks/<slug:uid>", leak_check, name="leak_check"),
    path("rehearsals/<slug:uid>", rehearsal, name="rehearsal"),
]
