#!/bin/sh
# The quarterly GameDay from cron: next due? -> plan -> run -> report.
#   */10 * * * *  cd /srv/chaos && gameday/quarterly.sh >>/var/log/gameday.log 2>&1
#
# Nothing due: exit 0 and nothing happens. Else the exit code of the first part that does not pass: see `chaos-run --help`.
#   --now SCENARIO  play this scenario at once instead of what is due
#   --fast          a rehearsal: shorter offsets and windows
#   --out FOLDER    where the summary goes
#   all else        goes to plan and run: --playground, --context NAME, --kubeconfig FILE, --namespace NAME
# GAMEDAY names the command to use (default: the one of this checkout's .venv, else `gameday`).
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
if [ -z "${GAMEDAY:-}" ]; then
	GAMEDAY=$here/../.venv/bin/gameday
	[ -x "$GAMEDAY" ] || GAMEDAY=gameday
fi
state=${XDG_STATE_HOME:-$HOME/.local/state}/chaos-run
mkdir -p "$state"

log() { printf '%s quarterly: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }
usage() { log "$1" >&2; exit 2; }

# Only one at a time: a second one started by cron leaves at once.
exec 9>"$state/quarterly.lock"
flock -n 9 || { log "another GameDay is under way"; exit 0; }

now='' fast='' out=''
arguments=$#
while [ "$arguments" -gt 0 ]; do # what is not ours is put back to the end of "$@"
	argument=$1
	shift; arguments=$((arguments - 1))
	case $argument in
	--fast) fast=--fast ;;
	--now | --out)
		[ "$arguments" -gt 0 ] || usage "$argument needs a value"
		if [ "$argument" = --now ]; then now=$1; else out=$1; fi
		shift; arguments=$((arguments - 1)) ;;
	*) set -- "$@" "$argument" ;;
	esac
done

# Whoever ends this script ends the day in order: a shell alone would die and leave the faults to go on.
child='' stopped=''
pass_on() { stopped=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true; }
trap pass_on INT TERM HUP

part() { # part NAME COMMAND...: run it, say how it ended, and end with its exit code
	name=$1 ended=0
	shift
	[ -z "$stopped" ] || { log "$name: not begun, this script was told to stop"; return 130; }
	log "$name: begins"
	"$@" 9>&- &
	child=$!
	wait "$child" || ended=$?
	while kill -0 "$child" 2>/dev/null; do # only a signal has ended the wait: the day is still being put back
		ended=0
		wait "$child" || ended=$?
	done
	child=''
	log "$name: exit code $ended"
	return "$ended"
}

play() { # play WHAT...: a scenario, or --schedule ID; then the options of plan and run
	part plan "$GAMEDAY" plan $fast "$@" || return $?
	code=0
	part run "$GAMEDAY" run --plain $fast "$@" || code=$?
	# A wrong file, a refusal or an interruption before the first step: there may be no day to report.
	case $code in 2 | 3 | 130) return "$code" ;; esac
	part report "$GAMEDAY" report last ${out:+--out "$out"} || [ "$code" -ne 0 ] || code=$?
	return "$code"
}

worst=0
if [ -n "$now" ]; then
	play "$now" "$@" || worst=$?
else
	code=0
	due=$("$GAMEDAY" due 9>&-) || code=$?
	case $code in
	0) ;;
	1) log "nothing is due"; exit 0 ;;
	*) log "gameday due: exit code $code"; exit "$code" ;;
	esac
	for schedule in $due; do
		[ -z "$stopped" ] || break
		log "due: $schedule"
		play --schedule "$schedule" "$@" || { code=$?; [ "$worst" -ne 0 ] || worst=$code; }
	done
fi
log "done: exit code $worst"
exit "$worst"
