# SPDX-License-Identifier: ISC
# Runs in the Debian by its agent, as root, before it is saved: whatever clones
# should find done.
set -eu

# What the seed says is done then; "cloud-init status --wait" costs a processor.
until [ -e /run/cloud-init/result.json ]; do
	sleep 1
done
echo "made once, served by every clone" >/srv/made
sync
