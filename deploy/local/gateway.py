"""The gateway: one origin for pages, services and files, so that browsers need no cross-origin permission."""

import sys
from html import escape
from pathlib import Path

from deploy.local.addresses import BUCKET, Addresses
from deploy.local.home import Home
from deploy.local.part import Part
from deploy.local.probes import answers
from deploy.processes import PROCESSES

NAMES = {
    "registration": "注册认证",
    "media": "材料",
    "review": "初筛",
    "voting": "投票",
    "notify": "通知",
}

GRACE_S = 5
"""How long a stop waits for answers under way; those that listen to something would never end."""
IDLE_S = 30
"""Idle connections to a service are given up before the service does so, or a request would meet a closed one."""


def gateway(home: Home, addresses: Addresses) -> Part:
    """Caddy in front of the services and of the object store."""
    folder = home.folder("gateway")
    pages = home.folder("gateway/pages")
    (pages / "index.html").write_text(_index(addresses))
    (folder / "Caddyfile").write_text(_caddyfile(addresses, pages))
    command = (str(Path(sys.executable).with_name("caddy")), "run", "--config", str(folder / "Caddyfile"))
    surroundings = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return Part(
        "gateway", command, addresses.ports["gateway"], surroundings, ready=answers(f"{addresses.http('gateway')}/")
    )


def _caddyfile(addresses: Addresses, pages: Path) -> str:
    """Prefixes are stripped for services; the store sees path and `Host` as the client signed them."""
    services = "\n".join(
        f"\thandle_path /api/{process.service}/* {{\n\t\treverse_proxy 127.0.0.1:{addresses.ports[name]} {{\n"
        f"\t\t\ttransport http {{\n\t\t\t\tkeepalive {IDLE_S}s\n\t\t\t}}\n\t\t}}\n\t}}"
        for name, process in PROCESSES.items()
        if process.answers_api
    )
    return f"""\
{{
	admin off
	auto_https off
	persist_config off
	grace_period {GRACE_S}s
	skip_install_trust
}}
http://:{addresses.ports["gateway"]} {{
	bind 127.0.0.1
{services}
	handle /{BUCKET}/* {{
		reverse_proxy 127.0.0.1:{addresses.ports["s3"]}
	}}
	handle {{
		root * "{pages}"
		file_server
	}}
}}
"""


def _index(addresses: Addresses) -> str:
    services = "".join(
        f'<li><a href="/api/{name}/openapi.json">{chinese} {name}</a></li>' for name, chinese in NAMES.items()
    )
    return f"""<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>筑梦 Zhumeng</title>
<style>body{{font:16px/1.7 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}}
dt{{font-weight:600;margin-top:.6rem}}code{{background:#f2f2f2;padding:0 .3em}}</style>
<h1>筑梦 Zhumeng</h1>
<h2>接口 APIs</h2><ul>{services}</ul>
<h2>地址 Addresses</h2><dl>
<dt>RabbitMQ</dt><dd><a href="{addresses.management_url}">{addresses.management_url}</a>,
用户 user <code>ops</code>,密码 password <code>{addresses.secrets["amqp-ops"]}</code></dd>
<dt>MongoDB</dt><dd><code>{escape(str(addresses.mongo_url))}</code></dd>
<dt>S3</dt><dd><code>{addresses.s3.endpoint}</code>,bucket <code>{BUCKET}</code></dd>
<dt>邮件 Mail</dt><dd><code>{escape(str(addresses.maildir))}</code></dd>
<dt>日志 Logs</dt><dd><code>{escape(str(addresses.maildir.parent / "logs"))}</code></dd>
</dl></html>
"""
