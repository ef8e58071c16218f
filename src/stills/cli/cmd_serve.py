"""``stills serve``: the HTTP service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import start

_service_options = options.together(
    options.option("--host", metavar="ADDRESS", show_default="127.0.0.1",
                   help="Address at which it listens: 0.0.0.0 or :: lets other machines ask, which needs --tokens."),
    options.option("--port", type=click.IntRange(0, 65535), metavar="PORT", show_default="8000",
                   help="Port at which it listens; 0 takes a free one."),
    options.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
                   show_default="stills-service", help="Folder for uploads, results and the state."),
    options.option("--tokens", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", show_default="none",
                   help="File with a line for each client; `stills token` makes one."),
    options.option("--no-auth", is_flag=True, default=None,
                   help="Ask for no token although others can reach the service."),
    options.option("--hosts", metavar="NAME,…", show_default="its own",
                   help="Names by which clients call it; others are refused."),
    options.option("--base-path", metavar="PATH", show_default="none",
                   help="Path below which a proxy has the service, such as /stills."),
    options.option("--proxies", metavar="ADDRESS,…", show_default="127.0.0.1",
                   help="Proxies that are believed when they say who asks."),
    options.option("--cors", metavar="ORIGIN,…", show_default="none",
                   help="Origins whose pages may use the API, such as https://app.example.org."),
    options.option("--upload-limit", metavar="SIZE", show_default="2GB", help="Largest video that is taken."),
    options.option("--legacy-upload-limit", metavar="SIZE", show_default="100MB",
                   help="Largest video that POST /upload-video/ takes."),
    options.option("--legacy-wait", metavar="TIME", show_default="60s",
                   help="How long POST /upload-video/ waits for its thumbnails."),
    options.option("--upload-idle", metavar="TIME", show_default="30s",
                   help="An upload of which nothing comes for so long is dropped."),
    options.option("--uploads-at-once", type=click.IntRange(1, 10000), metavar="N", show_default="32",
                   help="Uploads that are received at the same time."),
    options.option("--sources", metavar="PLACE,…", show_default="none",
                   help="Where videos may be fetched from: media.example.org, *.example.org, https://…/, s3://bucket/."),
    options.option("--private-sources/--no-private-sources", default=None, show_default="no",
                   help="Let these and webhooks lead to private addresses, as in an intranet."),
    options.option("--fetch-timeout", metavar="TIME", show_default="1h", help="Longest time for fetching one video."),
    options.option("--webhooks", metavar="HOST,…", show_default="none",
                   help="Hosts that may be told how a job ended; needs STILLS_SERVICE__WEBHOOK_SECRET."),
    options.option("--at-once", type=click.IntRange(1, 256), metavar="N", show_default="2",
                   help="Jobs under way at the same time."),
    options.option("--per-client", type=click.IntRange(min=1), metavar="N", show_default="20",
                   help="Jobs of one client that are queued or under way."),
    options.option("--queue", type=click.IntRange(min=1), metavar="N", show_default="200",
                   help="Jobs of all clients that are queued."),
    options.option("--rate", type=click.IntRange(min=0), metavar="N", show_default="600",
                   help="Requests that one client may make a minute, pictures not counted; 0 for any number."),
    options.option("--ttl", metavar="TIME", show_default="24h", help="How long a job is kept after its end."),
    options.option("--keep-sources/--no-keep-sources", default=None, show_default="no",
                   help="Keep videos as long as their jobs, instead of until they were looked at."),
    options.option("--database", metavar="URL", show_default="in --data",
                   help="Where jobs are kept: postgresql://… for several replicas, which share --data, too."),
    options.option("--runner", type=click.Choice(("local", "ray")), show_default="local",
                   help="Who does the work: processes of this machine, or a Ray cluster (extra stills[ray])."),
    options.option("--ray-address", metavar="ADDRESS", show_default="a local one", help="The Ray cluster."),
)  # fmt: skip


@click.command("serve")
@_service_options
@options.scan_options
@options.limit_options
@options.config_option
@options.strict_option
@options.talk_options
def command(**given: Any) -> int:
    """Serve the HTTP API, and a page that uses it.

    By default only this machine can reach it. SIGTERM ends it in order: what is under way goes back to the queue and
    goes on with the next start. The extra stills[service] has what it needs.

    The exit code is 0 after SIGTERM, 130 after Ctrl-C, 1 where it could not start, 2 where a setting is wrong or
    the port is taken.

    \b
    stills serve
    stills serve --port 9000 --data /var/lib/stills --log-level info
    stills serve --host 0.0.0.0 --tokens tokens --database postgresql://host/stills
    """  # noqa: D301 - click reads \b
    session = start(section="service", **given)
    from stills.cli.serve_work import run_service

    return run_service(session)
