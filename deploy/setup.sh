#!/bin/sh
# What the project needs from a Debian or Ubuntu machine: installs what is missing and nothing else.
# Package indexes, proxies and certificates are the environment's own affair: apt, pip and uv read their own settings.
set -eu
cd "$(dirname "$0")/.."
UV=0.13.9
stamp=.venv/.set-up
state=$(cat uv.lock "$0" | sha256sum)
[ "$(cat $stamp 2>/dev/null || true)" = "$state" ] && exit 0

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
say() { printf '准备环境 set-up: %s\n' "$*"; }

missing=
lacks() { missing="$missing $1"; }
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || lacks rabbitmq-server
command -v ffmpeg >/dev/null || lacks ffmpeg
command -v djpeg >/dev/null || lacks libjpeg-turbo-progs
command -v bsdtar >/dev/null || lacks libarchive-tools
command -v unar >/dev/null || lacks unar
command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] || lacks debootstrap
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || lacks debian-archive-keyring
command -v curl >/dev/null || lacks curl
python3 -c 'import ensurepip' 2>/dev/null || lacks python3-venv
/sbin/ldconfig -p | grep -q 'libcurl\.so\.4 ' || lacks libcurl4

if [ -n "$missing" ]; then
  say "apt-get install$missing"
  command -v apt-get >/dev/null || { say "没有 apt-get,请自行安装 no apt-get here: install$missing yourself"; exit 1; }
  as_root apt-get update -q
  # From 2024 on the library's package is called libcurl4t64.
  case $missing in *libcurl4*) apt-cache show libcurl4t64 >/dev/null 2>&1 && missing=$(echo "$missing" | sed 's/libcurl4/libcurl4t64/') ;; esac
  # What installs ca-certificates on the way rewrites its bundle: authorities the machine was given by hand must stay.
  bundle=/etc/ssl/certs/ca-certificates.crt
  before=$(mktemp)
  cat $bundle >"$before" 2>/dev/null || true
  # Debian starts a service it installs; the stack runs its own broker, so the machine's stays off.
  policy=
  if ! [ -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    trap 'as_root rm -f $policy' EXIT
  fi
  # shellcheck disable=SC2086 # a list of package names
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
  if [ -s "$before" ] && ! cmp -s "$before" $bundle; then as_root tee -a $bundle <"$before" >/dev/null; fi
  rm -f "$before"
  case $missing in *rabbitmq-server*)
    command -v systemctl >/dev/null && as_root systemctl disable -q rabbitmq-server epmd.socket epmd.service 2>/dev/null || true ;;
  esac
fi

if ! [ -x .bootstrap/bin/uv ] || [ "$(.bootstrap/bin/uv --version | cut -d' ' -f2)" != $UV ]; then
  say "uv $UV"
  python3 -m venv --clear .bootstrap
  .bootstrap/bin/pip install -q uv==$UV
fi
say "uv sync"
# Compiled once here rather than by seven processes at their first start.
.bootstrap/bin/uv sync --frozen --compile-bytecode
printf '%s\n' "$state" > $stamp
