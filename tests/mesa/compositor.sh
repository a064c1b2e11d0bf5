# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced in the guest: starts and ends compositors on vkms, $card of /dev/dri. Goes to /tmp.
export XDG_RUNTIME_DIR=/tmp/compose LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0
[ -d $XDG_RUNTIME_DIR ] || mkdir -m 700 $XDG_RUNTIME_DIR
cd /tmp || exit
for card in /sys/bus/faux/devices/vkms/drm/card* /sys/devices/platform/vkms/drm/card*; do
	[ ! -e "$card" ] || break
done
card=${card##*/}
limit=120 # seconds, for a guest that has little of its host

start() { # COMPOSITOR: returns when it can be connected to
	local i renderer=${1#weston-} driver=()
	rm -f $XDG_RUNTIME_DIR/*
	log=/results/$1.log
	export WAYLAND_DISPLAY=wayland-test
	case $1 in
	weston-*)
		# GL by a driver that maps imports through its own DRM fd
		[ "$renderer" != softpipe ] || { renderer=gl; driver=(env GALLIUM_DRIVER=softpipe); }
		printf '[output]\nname=Virtual-1\nmode=640x480\n' >weston.ini
		"${driver[@]}" weston --backend=drm "--drm-device=$card" --shell=kiosk --continue-without-input --idle-time=0 --debug \
			--renderer="$renderer" --socket="$WAYLAND_DISPLAY" --config=/tmp/weston.ini >"$log" 2>&1 &
		pid=$!
		for ((i = 0; i < limit * 10; i++)); do
			[ ! -S "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY" ] || return 0
			kill -0 "$pid" 2>/dev/null || return 1
			sleep 0.1
		done
		return 1
		;;
	cage)
		# The first program ends it: that one waits for the end of the case.
		rm -f ready over
		WLR_RENDERER=gles2 WLR_RENDERER_ALLOW_SOFTWARE=1 WLR_LIBINPUT_NO_DEVICES=1 WLR_DRM_DEVICES=/dev/dri/$card \
			env -u WAYLAND_DISPLAY cage -- sh -c 'echo $WAYLAND_DISPLAY >/tmp/ready; while [ ! -e /tmp/over ]; do sleep 0.2; done' >"$log" 2>&1 &
		pid=$!
		for ((i = 0; i < limit * 10; i++)); do
			if [ -s ready ]; then WAYLAND_DISPLAY=$(cat ready); return 0; fi
			kill -0 "$pid" 2>/dev/null || return 1
			sleep 0.1
		done
		return 1
		;;
	esac
	echo "there is no compositor '$1'" >"$log"
	return 1
}

# end: "lives", or what it died of
end() {
	local rc=0
	sleep 0.3
	if kill -0 "$pid" 2>/dev/null; then
		ended=lives
		touch over
		kill "$pid"
		{ sleep $limit && kill -9 "$pid"; } 2>/dev/null &
		wait "$pid" 2>/dev/null
		kill $! 2>/dev/null
		return
	fi
	wait "$pid" 2>/dev/null || rc=$?
	ended=exit=$rc
	# shellcheck disable=SC2034 # for the caller
	[ $rc -le 128 ] || ended=died=$(kill -l $((rc - 128)))
}
