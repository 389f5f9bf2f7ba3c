# SPDX-License-Identifier: ISC
# Runs in the guest before it says "ready": whatever clones should find done.
mkdir -p /disk/www
echo "made once, served by every clone" >/disk/www/index.html
(cd /disk/www && httpd -p 80)
sync
