#!/bin/sh
# Be who owns the music, then do what was asked. Nothing under /music is ever chowned.
#
# Started as root with PUID (and PGID), we become that user; started as somebody else already
# (user: in compose.yaml, or a rootless engine), we stay as we are.
set -eu

umask "${UMASK:-022}"

# A folder that is mounted may belong to anybody; say so here and not in a traceback.
if [ ! -d /config ] || { [ "$(id -u)" != 0 ] && [ ! -w /config ]; }; then
    echo "lean-tag: /config is not writable for user $(id -u); give it to that user" >&2
    exit 5
fi

if [ "$(id -u)" = 0 ] && [ -n "${PUID:-}" ]; then
    case "$PUID${PGID:-}" in
    *[!0-9]*)
        echo "lean-tag: PUID and PGID are numbers; see id(1)" >&2
        exit 2
        ;;
    esac
    group="${PGID:-$PUID}"
    # Our own folders only: journal and settings.
    chown "$PUID:$group" /config
    [ ! -d /config/lean-tag ] || chown -R "$PUID:$group" /config/lean-tag
    exec setpriv --reuid "$PUID" --regid "$group" --clear-groups --no-new-privs \
        lean-tag "$@"
fi
if [ -n "${PUID:-}" ] && [ "$PUID" != "$(id -u)" ]; then
    echo "lean-tag: to become PUID $PUID, start as root (user: \"0:0\"); or say user: \"$PUID:${PGID:-$PUID}\"" >&2
    exit 2
fi
exec lean-tag "$@"
