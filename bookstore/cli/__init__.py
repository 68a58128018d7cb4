"""``flask …`` commands: each says who acts, calls one service, prints."""

from flask import Flask

from bookstore.cli import auditing
from bookstore.cli.api_keys import api_keys_cli
from bookstore.cli.catalog import catalog_cli
from bookstore.cli.coupons import coupons_cli
from bookstore.cli.demo import demo
from bookstore.cli.doctor import doctor_command
from bookstore.cli.jobs import jobs_cli
from bookstore.cli.maintenance import maintenance_command
from bookstore.cli.openapi import openapi_command
from bookstore.cli.orders import orders_cli
from bookstore.cli.payments import payments_cli
from bookstore.cli.ready import ready_command
from bookstore.cli.recommendations import recommendations_cli
from bookstore.cli.reports import reports_cli
from bookstore.cli.settings import settings_command
from bookstore.cli.users import users_cli
from bookstore.cli.webhooks import webhooks_cli
from bookstore.cli.worker import worker_cli


def init_app(app: Flask) -> None:
    """Register the commands."""
    for command in (
        api_keys_cli,
        catalog_cli,
        coupons_cli,
        demo,
        doctor_command,
        jobs_cli,
        maintenance_command,
        openapi_command,
        orders_cli,
        payments_cli,
        ready_command,
        recommendations_cli,
        reports_cli,
        settings_command,
        users_cli,
        webhooks_cli,
        worker_cli,
    ):
        auditing.note(command)
        app.cli.add_command(command)
