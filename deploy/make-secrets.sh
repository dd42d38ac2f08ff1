#!/bin/sh
# Makes what compose.yml reads from secrets/: once; what is there already is left alone.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make() {
  [ -s "secrets/$1" ] || printf '%s\n' "$2" > "secrets/$1"
  # The folder is closed to others; in the container the file belongs to nobody in particular.
  chmod 0444 "secrets/$1"
}
make database_password "$(random)"
make database_url "postgresql://backupmon:$(cat secrets/database_password)@database/backupmon"
make secret_key "$(random)"
ls -1 secrets
